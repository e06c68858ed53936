import Base

/// The columns of a table of losses that an analysis uses, each with a number for each row.
struct LossColumns {
  let losses: [Double]
  let sizes: [Double]?
  let tokens: [Double]?
  /// The number of times that a model saw the repeated part of its data. Rows with at most one are the family without
  /// repeats.
  let repeats: [Double]?
  /// The progress of a training, such as its steps.
  let steps: [Double]?
  /// The column over which humps are searched.
  let axis: [Double]?
  /// True if ``axis`` is ``repeats``.
  let isOverRepeats: Bool

  private static let stepNames = ["step", "steps", "epoch", "x"]

  /// Finds the columns by the names of the settings, or by their usual names.
  /// - Throws: ``UsageError`` for a missing column or a number that is not above 0, ``FormatError`` for a cell of a used
  ///   column that is not a number.
  init(_ table: LossTable, _ settings: LossCurves.Settings) throws {
    func named(_ name: String) throws(UsageError) -> LossTable.Column {
      guard let column = table.column([name]) else {
        throw UsageError(
          "\(table.path.printable) has no column '\(name.printable)'",
          hint: "it has \(table.names.map(\.printable).joined(separator: ", "))")
      }
      return column
    }
    /// Returns a column if it has numbers; columns of texts may have any name.
    func usual(_ names: [String]) -> LossTable.Column? {
      table.column(names).flatMap { $0.hasNumbers ? $0 : nil }
    }
    let loss = try settings.loss.map(named) ?? table.column(["test_loss", "loss", "l"])
    guard let loss else {
      throw UsageError(
        "\(table.path.printable) has no column of losses",
        hint: "name one with \(setting: "loss")")
    }
    let size = try settings.size.map(named) ?? usual(["parameters", "size", "n"])
    let token = try settings.tokens.map(named) ?? usual(["tokens", "d"])
    let repeated = usual(["repeats"])
    let x = try settings.x.map(named)
    let others = [loss, size, token, repeated].compactMap { $0?.name }
    let step = x.flatMap { others.contains($0.name) ? nil : $0 } ?? usual(Self.stepNames)
    let axis = x ?? repeated ?? step

    losses = try table.numbers(of: loss)
    sizes = try size.map(table.numbers)
    tokens = try token.map(table.numbers)
    repeats = try repeated.map(table.numbers)
    steps = try step.map(table.numbers)
    self.axis = try axis.map(table.numbers)
    isOverRepeats = axis != nil && axis?.name == repeated?.name
    for column in [loss, size, token].compactMap(\.self) {
      guard let wrong = column.numbers.first(where: { !Self.range.contains($0) }) else { continue }
      throw UsageError(
        "\(table.path.printable): column '\(column.name.printable)' has \(wrong), expected numbers from \(Self.range.lowerBound) to \(Self.range.upperBound)"
      )
    }
    if let repeated, let wrong = repeated.numbers.first(where: { $0 < 0 }) {
      throw UsageError(
        "\(table.path.printable): column '\(repeated.name.printable)' has \(wrong), expected numbers from 0 on"
      )
    }
  }

  /// The losses, sizes and numbers of tokens that laws are fitted to. Powers of these numbers are finite.
  static let range = 1e-30...1e30

  /// The models that differ from each other by more than the progress of their training.
  private struct Run: Hashable {
    var size: Double?
    var repeats: Double?
  }

  /// The rows at the last step of each size and number of repeats; all rows if the table has no steps.
  var lastRows: [Int] {
    guard let steps else { return Array(losses.indices) }
    let runs = Dictionary(grouping: losses.indices) {
      Run(size: sizes?[$0], repeats: repeats?[$0])
    }
    return runs.values.flatMap { rows in
      let last = rows.map { steps[$0] }.max()
      return rows.filter { steps[$0] == last }
    }.sorted()
  }

  /// The last rows of the family without repeats.
  var unrepeated: [Int] {
    guard let repeats else { return lastRows }
    return lastRows.filter { repeats[$0] <= 1 }
  }

  /// The last rows of models that saw data repeatedly.
  var repeated: [Int] {
    guard let repeats else { return [] }
    return lastRows.filter { repeats[$0] > 1 }
  }

  /// A curve of losses over ``axis``.
  struct Curve {
    /// Nil if the table has no sizes.
    var size: Double?
    /// Nil if the curve is over repeats, or the table has none.
    var repeats: Double?
    var rows: [Int]
  }

  /// The curves in ascending order of size and repeats; none without ``axis``.
  var curves: [Curve] {
    guard axis != nil else { return [] }
    let rows = isOverRepeats ? lastRows : Array(losses.indices)
    let groups = Dictionary(grouping: rows) {
      Run(size: sizes?[$0], repeats: isOverRepeats ? nil : repeats?[$0])
    }
    return groups.map { Curve(size: $0.size, repeats: $0.repeats, rows: $1) }.sorted {
      ($0.size ?? 0, $0.repeats ?? 0) < ($1.size ?? 0, $1.repeats ?? 0)
    }
  }
}
