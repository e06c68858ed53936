import AdaMerging
import Base
import Merging

/// The results of all steps as JSON lines: a line with the names and the start, then a line for each step.
struct LearningTrajectory {
  private(set) var lines: [JSONValue]
  private let rowCount: Int
  private let modelCount: Int

  init(_ rows: CoefficientRows, _ tasks: [LearningTask], _ models: [String], start: [Double]) {
    rowCount = rows.count
    modelCount = models.count
    var names = [String](repeating: "", count: rows.count)
    for entry in rows.entries.reversed() { names[entry.index] = entry.name }
    lines = []
    lines.append(
      .object([
        "schema": .string("sumac.adamerging-trajectory/1"),
        "grouping": .string(rows.grouping.rawValue), "rows": .array(names.map { .string($0) }),
        "models": .array(models.map { .string($0) }),
        "tasks": .array(tasks.map { .string($0.name) }), "raw": matrix(start),
      ]))
  }

  mutating func add(_ step: CoefficientLearner<Float>.Step) {
    lines.append(
      .object([
        "step": JSONValue(step.number),
        "values": .array(step.values.map { .array($0.map { JSONValue($0) }) }),
        "gradient": matrix(step.gradient), "raw": matrix(step.raw),
      ]))
  }

  /// Returns a list for each row.
  private func matrix(_ numbers: [Double]) -> JSONValue {
    .array(
      (0..<rowCount).map { row in
        .array(numbers[row * modelCount..<(row + 1) * modelCount].map { JSONValue($0) })
      })
  }
}
