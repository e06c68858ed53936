package import Base
import Charts

/// The page about a sweep, made of the document of `prune --sweep --json` or `convert --sweep --json`.
package struct SweepPage: Sendable {
  private let document: JSONValue

  package init(_ document: JSONValue) { self.document = document }

  /// A sweep over storage types; the other one is over shares.
  private var hasTypes: Bool { document["schema"]?.asString == "sumac.convert-sweep/1" }
  private var isEvaluated: Bool { document["data"] != nil }
  private var points: [JSONValue] { document["points"]?.asArray ?? [] }
  private var name: String { FileSystem.ownName(of: document["model"]?.asString ?? "") }

  package var page: Page {
    let (rows, keys) = (points, columns.map(\.key))
    return Page(
      title: hasTypes ? "Storage types for \(name)" : "Pruning of \(name)",
      subtitle: document["model"]?.asString ?? "", parts: [summary, figures],
      tableTitle: hasTypes ? "Types, the smallest file first" : "Shares",
      columns: columns.map(\.column), rowCount: rows.count,
      row: { row in keys.map { Self.cell(rows[row], $0) } })
  }

  private static func cell(_ point: JSONValue, _ key: String) -> JSONValue {
    switch point[key] {
    case .bool(let isTrue)?: .string(isTrue ? "yes" : "")
    // Of an estimate, the table has the value.
    case .object(let estimate)?: estimate["value"] ?? .null
    case let value?: value
    case nil: .null
    }
  }

  private var columns: [(key: String, column: Page.Column)] {
    let costs: [(String, Page.Column)] =
      isEvaluated
      ? [
        ("perplexity", Page.Column("perplexity", .number)),
        ("divergence", Page.Column("divergence", .number, "Nats per token")),
        ("same_top", Page.Column("same top", .share, "Tokens with the same most probable token")),
      ] : []
    guard hasTypes else {
      return [
        ("amount", Page.Column("amount", .share, "The share that was asked for")),
        ("pruned", Page.Column("pruned", .share)), ("kept", Page.Column("kept", .count)),
        ("pqi", Page.Column("PQI", .number, "PQ Index of the kept weights")),
        ("energy_lost", Page.Column("energy lost", .share)),
        ("relative_error", Page.Column("error", .share)),
      ] + costs
    }
    return [
      ("type", Page.Column("type", .name)), ("bytes", Page.Column("size", .bytes)),
      ("bits_per_value", Page.Column("bits", .number, "Bits per value, of the whole file")),
      ("relative_error", Page.Column("error", .share, "Relative error of the weights")),
      ("tensors_kept", Page.Column("kept", .count, "Tensors that the type would not make smaller")),
    ] + costs + [("front", Page.Column("choice", .text, "No other type is as small and nearer"))]
  }

  // MARK: Parts

  private var summary: Page.Part {
    var part = Page.Part("summary", "Summary")
    if hasTypes {
      part.facts = [
        ("size of the input", ByteSize(document["input_bytes"]?.asInt ?? 0).description),
        ("values", (document["values"]?.asInt ?? 0).grouped),
      ]
      let front = points.filter { $0["front"] == .bool(true) }
      part.facts += front.map { point in
        (
          "from \(ByteSize(point["bytes"]?.asInt ?? 0))",
          "\(point["type"]?.asString ?? ""), \(cost(point))"
        )
      }
      part.note =
        "Choose the last type whose size fits: no other type is as small and nearer to the input."
    } else {
      part.facts = [("weights in scope", (document["weights"]?.asInt ?? 0).grouped)]
      part.facts += (document["options"]?.asArray ?? []).map {
        ($0["name"]?.asString ?? "", $0["value"]?.asString ?? "")
      }
    }
    if isEvaluated {
      let data = (document["data"]?.asArray ?? []).compactMap(\.asString)
      part.facts.append(("data", data.joined(separator: ", ")))
      part.facts.append(("tokens", (document["tokens"]?.asInt ?? 0).grouped))
      if let base = document["base_perplexity"]?["value"]?.asDouble {
        part.facts.append(("perplexity of the input", base.brief))
      }
    }
    return part
  }

  private func cost(_ point: JSONValue) -> String {
    if isEvaluated { return "divergence \(point["divergence"]?["value"]?.asDouble?.short ?? "?")" }
    return "error \(point["relative_error"]?.asDouble?.briefPercentage ?? "?")"
  }

  private var figures: Page.Part {
    var part = Page.Part("figures", hasTypes ? "Size against error" : "Cost of pruning")
    var measures: [(title: String, axis: String, scale: AxisScale, value: (JSONValue) -> Double?)] =
      [
        (
          "relative error", "relative error", hasTypes ? .logarithmic : .shares,
          { $0["relative_error"]?.asDouble }
        )
      ]
    if isEvaluated {
      measures += [
        (
          "divergence", "divergence, nats per token", hasTypes ? .logarithmic : .linear,
          { $0["divergence"]?["value"]?.asDouble }
        ),
        (
          "perplexity", "perplexity", .logarithmic, { $0["perplexity"]?["value"]?.asDouble }
        ),
      ]
    }
    part.charts = measures.map { title, axis, scale, value in
      ScatterPlot(
        hasTypes ? "Size and \(title)" : "Pruned share and \(title)",
        x: hasTypes ? "bits per value" : "pruned share", y: axis,
        scales: (hasTypes ? .linear : .shares, scale),
        points: points.compactMap { point in
          guard let x = point[hasTypes ? "bits_per_value" : "pruned"]?.asDouble,
            let y = value(point), scale != .logarithmic || y > 0
          else { return nil }
          let name =
            point["type"]?.asString ?? point["amount"]?.asDouble?.briefPercentage ?? ""
          return ScatterPlot.Point(
            name, x: x, y: y, isMarked: !hasTypes || point["front"] == .bool(true))
        })
    }
    return part
  }
}
