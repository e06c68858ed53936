package import Base
package import Checkpoints
import PackedFormat
import Packing
package import Reporting
import TensorCore

/// The stored form of one tensor: its terms, with the size of each and the error that remains after it.
package struct TensorReport: Report {
  package static let schema = "sumac.tensor/1"

  /// One term of the tensor.
  private struct Row {
    var term: String
    var byteCount: Int
    /// ‖x − s‖ / ‖x‖, where s is the sum up to this term; nil if it was not recorded.
    var relativeError: Double?
  }

  private let path: String
  private let tensor: LazyTensor
  private let rows: [Row]
  private let packed: PackedTensor?
  private let lineage: Lineage

  /// - Throws: ``UsageError`` if no tensor has that name.
  package init(_ checkpoint: Checkpoint, name: String) throws {
    guard let tensor = checkpoint.tensors.first(where: { $0.name.equalsAsBytes(name) }) else {
      throw UsageError(
        "no tensor is named '\(name.printable)' in \(checkpoint.path.printable)",
        hint: "list the names with: \(command: "inspect \(checkpoint.path.printable)")")
    }
    self.init(checkpoint, tensor)
  }

  /// - Parameter tensor: A tensor of the checkpoint.
  package init(_ checkpoint: Checkpoint, _ tensor: LazyTensor) {
    path = checkpoint.path
    lineage = checkpoint.lineage
    self.tensor = tensor
    guard let origin = tensor.packedOrigin, let entry = origin.entry, let packed = origin.tensor
    else {
      packed = nil
      rows = [Row(term: tensor.stored.codec, byteCount: tensor.stored.byteCount)]
      return
    }
    self.packed = packed
    let reader = origin.reader
    var segment = origin.segments.lowerBound
    let norm = packed.quality?.norm
    rows = packed.terms.enumerated().map { termIndex, term in
      let count = PackedSegment.segments(
        of: term, termIndex: termIndex, entry: entry, info: packed.info
      ).count
      defer { segment += count }
      return Row(
        term: term.label,
        byteCount: (segment..<segment + count).reduce(0) {
          $0 + reader.storedByteCount(ofSegment: $1)
        },
        relativeError: term.error.flatMap { error in norm.map { $0 > 0 ? error / $0 : 0 } })
    }
  }

  /// True if the tensor is stored as terms of a `.sumac` file.
  package var hasTerms: Bool { packed != nil }

  private var elementCount: Int { tensor.info.elementCount }
  private var storedByteCount: Int { rows.reduce(0) { $0 + $1.byteCount } }

  private func bits(_ byteCount: Int) -> Double {
    elementCount == 0 ? 0 : Double(8 * byteCount) / Double(elementCount)
  }

  /// The number of values that became infinite in the last step, if it is known.
  private var infinities: Int { lineage.steps.last?.loss?.infinities(in: tensor.name) ?? 0 }

  private var relativeError: Double? {
    if infinities > 0 { return .infinity }
    return packed?.quality.map { $0.norm > 0 ? $0.error / $0.norm : 0 }
  }

  package var sections: [Section] {
    var facts = [
      Section.Fact("tensor", tensor.name.printable),
      Section.Fact("file", path.printable),
      Section.Fact(
        "values",
        "\(tensor.info.dtype.name) \(tensor.info.shape), \(elementCount.grouped) of them"),
      Section.Fact(
        "stored",
        "\(ByteSize(storedByteCount)) (\(storedByteCount.grouped) bytes), "
          + "\(bits(storedByteCount).fixed(decimals: 3)) bits per weight"),
    ]
    if let alias = tensor.aliasOf {
      facts.append(Section.Fact("same as", alias.printable))
    }
    if let errorText { facts.append(Section.Fact("error", errorText)) }
    if let id = packed?.contentID {
      facts.append(Section.Fact("content", "sha256:" + id.hexadecimal))
    }
    return [.facts(facts), .table(table)]
  }

  /// The error of the values; nil if nothing is known about it.
  private var errorText: String? {
    if infinities > 0 {
      return "not finite: \(infinities.counted("value")) became infinite in the last step"
    }
    if let quality = packed?.quality, let relativeError {
      return "\(ModelLoss.percent(relativeError)) of the norm \(quality.norm.short), at most "
        + "\(quality.largest.short) a value"
    }
    if let packed {
      guard packed.form == .bits else { return nil }
      return lineage.steps.dropLast().contains { $0.loss != nil }
        ? "none in the last step; an earlier step was lossy" : "none: every bit is kept"
    }
    guard let loss = lineage.steps.last?.loss else { return nil }
    if let own = loss.worst.first(where: { $0.name.equalsAsBytes(tensor.name) }) {
      return "\(ModelLoss.percent(own.relative)) of the norm"
    }
    return "not recorded for this tensor, \(ModelLoss.percent(loss.relative)) for all tensors "
      + "with a loss"
  }

  private var table: Table {
    Table(
      [
        Table.Column("term"), Table.Column("bytes", alignsRight: true),
        Table.Column("share", alignsRight: true), Table.Column("bits/weight", alignsRight: true),
        Table.Column("error after it", alignsRight: true),
      ],
      rows: rows.map { row in
        let share = Double(row.byteCount) / Double(max(1, storedByteCount))
        return [
          row.term, row.byteCount.grouped, "\((100 * share).fixed(decimals: 1)) %",
          bits(row.byteCount).fixed(decimals: 3), row.relativeError.map(ModelLoss.percent) ?? "-",
        ]
      })
  }

  package var records: Table {
    Table(
      ["term", "bytes", "bits_per_weight", "relative_error"].map { Table.Column($0) },
      rows: rows.map { row in
        [
          row.term, String(row.byteCount), String(bits(row.byteCount)),
          row.relativeError.map { String($0) } ?? "",
        ]
      })
  }

  package var members: JSONObject {
    [
      "path": .string(path), "name": .string(tensor.name),
      "dtype": .string(tensor.info.dtype.name),
      "shape": .array(tensor.info.shape.dimensions.map { JSONValue($0) }),
      "stored_bytes": JSONValue(storedByteCount),
      "bits_per_weight": JSONValue(bits(storedByteCount)),
      "norm": packed?.quality.map { JSONValue($0.norm) } ?? .null,
      "relative_error": relativeError.map { JSONValue($0) } ?? .null,
      "largest_error": packed?.quality.map { JSONValue($0.largest) } ?? .null,
      "content": packed?.contentID.map { .string("sha256:" + $0.hexadecimal) } ?? .null,
      "terms": .array(lines),
    ]
  }

  package var lines: [JSONValue] {
    rows.map { row in
      .object([
        "term": .string(row.term), "bytes": JSONValue(row.byteCount),
        "bits_per_weight": JSONValue(bits(row.byteCount)),
        "relative_error": row.relativeError.map { JSONValue($0) } ?? .null,
      ])
    }
  }
}
