package import Base
import Charts
import Checkpoints
package import Reporting

/// The size and the error of a model in several storage types, and which of them to choose for a size.
package struct ConvertSweepReport: Report {
  package static let schema = "sumac.convert-sweep/1"

  /// A type with what it costs.
  struct Point: Sendable {
    var type: String
    /// The size of the file that the conversion would write.
    var byteCount: Int
    /// ‖x − x̂‖ / ‖x‖ over all tensors with a loss; 0 if every bit is kept.
    var relativeError: Double
    /// The number of tensors that the type would not make smaller, so that they keep every bit.
    var keptCount: Int
    /// The comparison with the input; nil unless it was asked for.
    var figures: SweepFigures?
    /// True if no other type has a smaller file and an error that is not larger, or an equal file and a smaller error.
    var isOnFront = false
    /// True if the type keeps every bit of any tensor.
    let isLossless: Bool

    init(_ recipe: TermRecipe, _ trial: StoredTrial, figures: SweepFigures?) {
      type = recipe.description
      isLossless = recipe.isLossless
      byteCount = trial.byteCount
      relativeError = trial.loss?.relative ?? 0
      keptCount = trial.keptCount
      self.figures = figures
    }

    /// The divergence if the model was evaluated, otherwise the error.
    var cost: Double { figures.flatMap { SweepFigures.value($0.divergence) } ?? relativeError }
  }

  /// A type that does not apply to the model.
  struct Skipped: Sendable {
    var type: String
    var reason: String
  }

  let model: String
  let inputByteCount: Int
  /// The number of values of all tensors.
  let valueCount: Int
  /// The texts of the evaluation; nil without one.
  let data: [String]?
  /// The types, the smallest file first.
  let points: [Point]
  let skipped: [Skipped]

  init(
    model: String, inputByteCount: Int, valueCount: Int, data: [String]?, points: [Point],
    skipped: [Skipped]
  ) {
    self.model = model
    self.inputByteCount = inputByteCount
    self.valueCount = valueCount
    self.data = data
    self.skipped = skipped
    var sorted = points.enumerated().sorted { left, right in
      // Of equal files, that of a type which keeps every bit of any tensor comes first.
      (left.element.byteCount, left.element.cost, left.element.isLossless ? 0 : 1, left.offset)
        < (
          right.element.byteCount, right.element.cost, right.element.isLossless ? 0 : 1,
          right.offset
        )
    }.map(\.element)
    var least = Double.infinity
    for index in sorted.indices where sorted[index].cost < least {
      sorted[index].isOnFront = true
      least = sorted[index].cost
    }
    self.points = sorted
  }

  private var isEvaluated: Bool { data != nil }
  private var evaluated: SweepFigures? { points.lazy.compactMap(\.figures).first }
  private var front: [Point] { points.filter(\.isOnFront) }

  private func bits(_ point: Point) -> Double {
    Double(8 * point.byteCount) / Double(max(1, valueCount))
  }
  private func share(_ point: Point) -> Double {
    Double(point.byteCount) / Double(max(1, inputByteCount))
  }

  // MARK: Text

  package var sections: [Section] {
    var facts = [
      Section.Fact("model", model.printable),
      Section.Fact("size", "\(ByteSize(inputByteCount)), \(valueCount.counted("value"))"),
    ]
    if let data {
      facts.append(Section.Fact("data", data.map(\.printable).joined(separator: ", ")))
    }
    if let base = evaluated.flatMap({ SweepFigures.value($0.basePerplexity) }) {
      facts.append(Section.Fact("perplexity", "\(base.brief) as it is"))
    }
    if !skipped.isEmpty {
      facts.append(Section.Fact("left out", skipped.map(\.type).joined(separator: ", ")))
      facts += Set(skipped.map(\.reason)).sorted().map { Section.Fact("", $0) }
    }
    let cost = isEvaluated ? "diverges less" : "has a smaller error"
    return [
      .table(table), .facts(facts),
      .line("Which type for which size (marked * above: no other type is as small and \(cost)):"),
      .table(choices),
    ]
  }

  private var table: Table {
    let titles =
      ["size", "of input", "bits", "error"] + (isEvaluated ? SweepFigures.columns : [])
    return Table(
      [Table.Column("type")] + titles.map { Table.Column($0, alignsRight: true) }
        + [Table.Column("choice")],
      rows: points.map { point in
        [
          point.type, ByteSize(point.byteCount).description,
          "\((100 * share(point)).fixed(decimals: 1)) %", bits(point).fixed(decimals: 2),
          point.relativeError == 0 ? "0" : ModelLoss.percent(point.relativeError),
        ] + (isEvaluated ? SweepFigures.cells(point.figures) : []) + [point.isOnFront ? "*" : ""]
      })
  }

  /// The type to choose from each size on.
  private var choices: Table {
    Table(
      [
        Table.Column("from", alignsRight: true), Table.Column("bits", alignsRight: true),
        Table.Column("type"), Table.Column(isEvaluated ? "divergence" : "error", alignsRight: true),
      ],
      rows: front.map { point in
        [
          ByteSize(point.byteCount).description, bits(point).fixed(decimals: 2), point.type,
          point.cost == 0 ? "0" : isEvaluated ? point.cost.short : ModelLoss.percent(point.cost),
        ]
      })
  }

  /// The error, or the divergence if the model was evaluated, over the bits per value. Types without error are left out.
  var plot: ScatterPlot {
    let name = FileSystem.ownName(of: model)
    let cost = isEvaluated ? "divergence" : "relative error"
    return ScatterPlot(
      "Types for \(name): \(cost) over size", x: "bits per value, of the whole file",
      y: isEvaluated ? "divergence, nats per token" : cost, scales: (.linear, .logarithmic),
      points: points.filter { $0.cost > 0 }.map {
        ScatterPlot.Point($0.type, x: bits($0), y: $0.cost, isMarked: $0.isOnFront)
      })
  }

  // MARK: Programs

  package var records: Table {
    let columns =
      ["type", "bytes", "bits_per_value", "relative_error", "tensors_kept"]
      + (isEvaluated ? SweepFigures.recordColumns : []) + ["front"]
    return Table(
      columns.map { Table.Column($0) },
      rows: points.map { point in
        [
          point.type, "\(point.byteCount)", "\(bits(point))", "\(point.relativeError)",
          "\(point.keptCount)",
        ] + (isEvaluated ? SweepFigures.records(point.figures) : []) + ["\(point.isOnFront)"]
      })
  }

  package var members: JSONObject {
    var members: JSONObject = [
      "model": .string(model), "input_bytes": JSONValue(inputByteCount),
      "values": JSONValue(valueCount),
    ]
    if let data, let evaluated {
      members["data"] = .array(data.map { .string($0) })
      members["tokens"] = JSONValue(evaluated.tokenCount)
      members["base_perplexity"] = evaluated.basePerplexity
    }
    members["points"] = .array(lines)
    members["skipped"] = .array(
      skipped.map { .object(["type": .string($0.type), "reason": .string($0.reason)]) })
    return members
  }

  package var lines: [JSONValue] {
    points.map { point in
      var line: JSONObject = [
        "type": .string(point.type), "bytes": JSONValue(point.byteCount),
        "bits_per_value": JSONValue(bits(point)),
        "relative_error": JSONValue(point.relativeError),
        "tensors_kept": JSONValue(point.keptCount),
      ]
      if let figures = point.figures { for (key, value) in figures.json { line[key] = value } }
      line["front"] = .bool(point.isOnFront)
      return .object(line)
    }
  }
}
