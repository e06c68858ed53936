package import Base
import Caches
import Checkpoints
package import Reporting
import TensorCore

/// The report of `cache inspect`.
package struct CacheReport: Report {
  package static let schema = "sumac.cache-inspect/1"

  private let inspection: CacheInspection
  private let fileByteCount: Int
  private let hasComparison: Bool

  package init(_ inspection: CacheInspection, hasComparison: Bool) {
    self.inspection = inspection
    self.hasComparison = hasComparison
    fileByteCount = inspection.cache.origin.identity.byteCount
  }

  private var cache: KVCache { inspection.cache }
  private var total: CacheInspection.Parts {
    inspection.rows.reduce(into: CacheInspection.Parts()) { $0 = $0 + $1.parts }
  }
  private var elementCount: Int { inspection.rows.reduce(0) { $0 + $1.elementCount } }

  /// The number of bytes of the same values in half precision.
  private var halfByteCount: Int { 2 * elementCount }

  /// The number of bytes of the index, chunk tables, padding and lineage.
  private var restByteCount: Int {
    max(0, fileByteCount - total.total - inspection.otherByteCount)
  }

  private var partList: [(name: String, byteCount: Int)] {
    let parts = total
    let known = [
      ("codes", parts.codes), ("scales and zeros", parts.scales), ("factors", parts.factors),
      ("outliers", parts.outliers), ("indices", parts.indices), ("exact values", parts.exact),
      ("stream tables", parts.tables),
    ]
    return known + [
      ("other tensors", inspection.otherByteCount), ("index and the rest", restByteCount),
    ]
  }

  // MARK: Text

  package var sections: [Section] {
    let dimensions = cache.dimensions
    var facts = [
      Section.Fact("path", cache.origin.path.printable + " (\(cache.layout))"),
      Section.Fact(
        "cache",
        "\(cache.tokenCount.grouped) tokens, \(cache.layers.count.counted("layer")), \(dimensions[1]) kv heads of "
          + "\(dimensions[3]), \(cache.layers[0].key.info.dtype.name)"
          + (dimensions[0] > 1 ? ", batch of \(dimensions[0])" : "")),
    ]
    if let details = CacheDetails(cache)?.object {
      if let model = details["model"]?.asString {
        facts.append(Section.Fact("model", model.printable))
      }
      if let layout = details["layout"]?.asString {
        facts.append(Section.Fact("made from", layout.printable))
      }
    }
    facts.append(
      Section.Fact(
        "size",
        "\(ByteSize(fileByteCount)), \(Self.percent(fileByteCount, of: halfByteCount)) of half precision; "
          + "keys and values alone \((8 * Double(total.total) / Double(elementCount)).fixed(decimals: 3)) bits "
          + "an element"
      ))
    return [
      .facts(facts),
      .table(
        Table(
          [
            Table.Column("part"), Table.Column("bytes", alignsRight: true),
            Table.Column("share", alignsRight: true),
          ],
          rows: partList.filter { $0.byteCount > 0 }.map {
            [$0.name, $0.byteCount.grouped, Self.percent($0.byteCount, of: fileByteCount)]
          })), .table(layers),
    ]
  }

  private static func percent(_ part: Int, of whole: Int) -> String {
    "\((100 * Double(part) / Double(max(1, whole))).fixed(decimals: 1)) %"
  }

  private static func percent(_ share: Double?) -> String {
    share.map { "\((100 * $0).formatted(digits: 4)) %" } ?? "-"
  }

  private var layers: Table {
    var columns = ["layer", "part", "bytes", "bits", "error"]
    if hasComparison { columns += ["worst head", "attention"] }
    return Table(
      columns.map { Table.Column($0, alignsRight: $0 != "part") },
      rows: inspection.rows.map { row in
        var cells = [
          String(row.layer), row.part.rawValue, row.parts.total.grouped,
          row.bitsPerElement.fixed(decimals: 3), Self.percent(row.error),
        ]
        if hasComparison {
          cells += [Self.percent(row.headErrors.max()), Self.percent(row.attentionError)]
        }
        return cells
      })
  }

  // MARK: Data

  private func json(_ parts: CacheInspection.Parts) -> JSONObject {
    [
      "codes": JSONValue(parts.codes), "scales": JSONValue(parts.scales),
      "factors": JSONValue(parts.factors), "outliers": JSONValue(parts.outliers),
      "indices": JSONValue(parts.indices), "exact": JSONValue(parts.exact),
      "tables": JSONValue(parts.tables),
    ]
  }

  private func json(_ row: CacheInspection.Row) -> JSONObject {
    var object: JSONObject = [
      "layer": JSONValue(row.layer), "part": .string(row.part.rawValue),
      "elements": JSONValue(row.elementCount), "bytes": JSONValue(row.parts.total),
      "parts": .object(json(row.parts)), "bits_per_element": JSONValue(row.bitsPerElement),
      "error": row.error.map { JSONValue($0) } ?? .null,
    ]
    if hasComparison {
      object["head_errors"] = .array(row.headErrors.map { JSONValue($0) })
      object["attention_error"] = row.attentionError.map { JSONValue($0) } ?? .null
    }
    return object
  }

  package var members: JSONObject {
    let dimensions = cache.dimensions
    return [
      "path": .string(cache.origin.path), "layout": .string(cache.layout),
      "file_bytes": JSONValue(fileByteCount), "half_bytes": JSONValue(halfByteCount),
      "batch": JSONValue(dimensions[0]), "kv_heads": JSONValue(dimensions[1]),
      "tokens": JSONValue(dimensions[2]), "head_dim": JSONValue(dimensions[3]),
      "dtype": .string(cache.layers[0].key.info.dtype.name),
      "details": CacheDetails(cache).map { .object($0.object) } ?? .null,
      "parts": .object(json(total)), "other_bytes": JSONValue(inspection.otherByteCount),
      "rest_bytes": JSONValue(restByteCount),
      "bits_per_element": JSONValue(8 * Double(total.total) / Double(elementCount)),
      "layers": .array(inspection.rows.map { .object(json($0)) }),
    ]
  }

  package var lines: [JSONValue] { inspection.rows.map { .object(json($0)) } }

  package var records: Table {
    let columns = [
      "layer", "part", "elements", "codes", "scales", "factors", "outliers", "indices", "exact",
      "tables", "bits_per_element", "error", "attention_error",
    ]
    return Table(
      columns.map { Table.Column($0) },
      rows: inspection.rows.map { row in
        let parts = row.parts
        let counts = [
          row.elementCount, parts.codes, parts.scales, parts.factors, parts.outliers,
          parts.indices, parts.exact, parts.tables,
        ]
        return [String(row.layer), row.part.rawValue] + counts.map(String.init)
          + [
            String(row.bitsPerElement), row.error.map { String($0) } ?? "",
            row.attentionError.map { String($0) } ?? "",
          ]
      })
  }
}
