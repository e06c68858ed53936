import AdaMerging
import Base
import Coefficients

/// The results of all steps as JSON lines: a line with the names and the start, then a line for each step.
struct LearningTrajectory {
  let rows: CoefficientRows
  /// The names of the models, in the order of the columns.
  let models: [String]

  /// Returns the first line.
  /// - Parameter start: The coefficients before the first step.
  func header(_ tasks: [LearningTask], start: [Double]) -> String {
    var names = [String](repeating: "", count: rows.count)
    // Several names may share a row; the first one stands for it.
    for entry in rows.entries.reversed() { names[entry.index] = entry.name }
    return line([
      "schema": .string("sumac.adamerging-trajectory/1"),
      "grouping": .string(rows.grouping.rawValue), "rows": .array(names.map { .string($0) }),
      "models": .array(models.map { .string($0) }),
      "tasks": .array(tasks.map { .string($0.name) }), "raw": matrix(start),
    ])
  }

  /// Returns the line of a step.
  func line(of step: CoefficientLearner<Float>.Step) -> String {
    line([
      "step": JSONValue(step.number),
      "values": .array(step.values.map { .array($0.map { JSONValue($0) }) }),
      "gradient": matrix(step.gradient), "raw": matrix(step.raw),
    ])
  }

  private func line(_ object: JSONObject) -> String {
    JSONValue.object(object).serialized() + "\n"
  }

  /// Returns a list for each row.
  private func matrix(_ numbers: [Double]) -> JSONValue {
    .array(
      (0..<rows.count).map { row in
        let own = numbers[row * models.count..<(row + 1) * models.count]
        return .array(own.map { JSONValue($0) })
      })
  }
}
