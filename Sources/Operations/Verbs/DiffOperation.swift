import Base
import Checkpoints
package import Differences
import Reporting

/// Compares two models: tensors, metadata, configuration and companion files.
package struct DiffOperation: Operation {
  package static let verb = "diff"

  package var a: String
  package var b: String
  /// The path of a file with the names in B of tensors of A; see ``NameMap``.
  package var map: String?
  package var metric = DifferenceMetric.percent
  /// The metric up to which tensors do not count as different; nil if every bit must be equal.
  package var tolerance: Double?
  package var selects = DifferenceReport.Selection.different
  package var sortKey = DifferenceReport.SortKey.worst
  /// The maximum number of tensors or layers that are listed; nil for all.
  package var rowLimit: Int?
  package var listsLayers = false
  /// True if the status is `comparisonFailed` when the models differ.
  package var failsOnDifference = false
  package var selection = SelectionSettings()

  package init(a: String, b: String) {
    self.a = a
    self.b = b
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let difference = try difference(context)
    var options = DifferenceReport.Options()
    options.selection = selects
    options.sortKey = sortKey
    options.rowLimit = rowLimit
    options.listsLayers = listsLayers
    let status: ExitStatus =
      difference.isDamaged
      ? .badInput : failsOnDifference && difference.differs ? .comparisonFailed : .done
    return OperationResult(
      reports: [DifferenceReport(difference, options: options)], status: status)
  }

  /// Reads both models and returns the difference of B from A, within the memory of the context.
  /// - Throws: ``UserError``: an input that cannot be opened, or an invalid setting.
  package func difference(_ context: OperationContext) throws -> ModelDifference {
    if let tolerance, !(tolerance >= 0) {
      throw UsageError("\(setting: "tolerance") is \(tolerance), expected 0 or more")
    }
    if let rowLimit, rowLimit < 1 {
      throw UsageError("\(setting: "top") is \(rowLimit), expected 1 or more")
    }
    let names = try map.map(Self.nameMap) ?? NameMap()
    let selection = try selection.selection()
    let (first, second) = (
      try context.read(a, for: .report), try context.read(b, for: .report)
    )
    if let map {
      for line in names.unusedLines(for: first.tensors.lazy.map(\.name)) {
        context.observer.report(
          .warning(
            "\(map.printable): line \(line) decides about no tensor of \(first.path.printable)"))
      }
    }
    let comparison = try ModelComparison(first, second, names: names) { selection.contains($0) }
    let demand = MemoryBudget.Demand(
      fixedByteCount: Self.tensorByteCount * comparison.tensorCount,
      workerByteCount: comparison.workspaceByteCount)
    return try context.withEngine(
      .measure, demand, tensors: comparison.tensorCount, byteCount: comparison.byteCount,
      companions: (first.companions + second.companions).map(\.name)
    ) { engine in
      try comparison.difference(metric: metric, tolerance: tolerance, engine: engine)
    }
  }

  /// The memory for the difference of a tensor: its names, shapes and measures.
  private static let tensorByteCount = 1 << 10

  private static func nameMap(_ path: String) throws -> NameMap {
    let file = try InputFile(path: path)
    guard file.byteCount <= 1 << 26 else {
      throw UsageError("\(path.printable): the map of names is larger than 64 MiB")
    }
    let text = String(decoding: try file.bytes(at: 0, count: file.byteCount), as: UTF8.self)
    return try NameMap(text: text, path: path)
  }
}
