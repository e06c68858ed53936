import Base
import Checkpoints
package import Inspection
import Models
import Surveys
import TensorCore

/// Shows the contents of checkpoints.
package struct InspectOperation: Operation {
  package static let verb = "inspect"

  package var inputs: [String]
  /// True if all values are read for statistics.
  package var showsStatistics = false
  /// True if statistics are also shown for each neuron, an output of a tensor.
  package var showsNeurons = false
  /// The exponents of the PQ Index.
  package var p = PQIndex.standard.p
  package var q = PQIndex.standard.q
  /// The sparsity pattern `N:M` that rows are compared with.
  package var pattern = Pattern.twoOfFour.description
  package var showsLayout = false
  package var showsMetadata = false
  package var sortKey = Inspection.SortKey.catalog
  /// The maximum number of tensors or layers that are listed; nil for all.
  package var rowLimit: Int?
  /// True if layers are listed instead of tensors.
  package var listsLayers = false
  package var selection = SelectionSettings()

  package init(inputs: [String]) { self.inputs = inputs }

  package func run(_ context: OperationContext) throws -> OperationResult {
    guard let exponents = PQIndex(p: p, q: q) else {
      throw UsageError("\(setting: "p") is \(p) and \(setting: "q") is \(q), expected 0 < p < q")
    }
    guard let pattern = Pattern(pattern) else {
      throw UsageError("\(setting: "pattern") is '\(pattern.printable)', expected N:M, such as 2:4")
    }
    try checkOptions()
    let selection = try selection.selection()
    let result = try context.reports(on: inputs, substitute: context.listing) { checkpoint in
      // A pattern may match in only some of several inputs.
      if inputs.count == 1 { try SeveralErrors.throwIfAny(selection.errors(for: checkpoint)) }
      let indices = checkpoint.tensors.indices.filter {
        selection.contains(checkpoint.tensors[$0].name)
      }
      guard showsStatistics else {
        return try checked(Inspection(checkpoint, selecting: indices, options: options))
      }
      let roles = TensorRoles(checkpoint)
      let tensors = indices.map { checkpoint.tensors[$0] }
      let found = try statistics(
        of: tensors, rows: tensors.map { roles.rows(of: $0.info) }, exponents, pattern, context)
      return try checked(
        Inspection(
          checkpoint, selecting: indices, statistics: found.statistics, neurons: found.neurons,
          options: options))
    }
    context.observer.report(
      .measurement("peak resident memory \(ResidentMemory.peakByteCount) bytes"))
    return result
  }

  /// Returns the inspection.
  /// - Throws: ``UsageError`` if it is sorted by errors and none is recorded.
  private func checked(_ inspection: Inspection) throws -> Inspection {
    let count = inspection.checkpoint.tensors.count
    guard sortKey == .error, count > 0, !inspection.hasErrors else { return inspection }
    throw UsageError(
      "\(inspection.checkpoint.path.printable): \(setting: "sort") error needs recorded errors, "
        + "but none of the \(count.counted("tensor")) has one",
      hint: "a .sumac file records the error of tensors that were stored with a type or terms; "
        + "to compare with another model: \(command: "diff MODEL \(inspection.checkpoint.path.printable)")"
    )
  }

  private func checkOptions() throws {
    if sortKey.needsStatistics, !showsStatistics {
      throw UsageError(
        "\(setting: "sort") \(sortKey.rawValue) needs the values",
        hint: "add \(setting: "stats")")
    }
    if showsNeurons, !showsStatistics {
      throw UsageError("\(setting: "neurons") needs \(setting: "stats")")
    }
    if let rowLimit, rowLimit < 1 {
      throw UsageError("\(setting: "top") is \(rowLimit), expected 1 or more")
    }
    for (name, isGiven) in [("layout", showsLayout), ("neurons", showsNeurons)]
    where isGiven && listsLayers {
      throw UsageError(
        "\(setting: "by-layer") and \(setting: name) cannot be used together")
    }
  }

  private var options: Inspection.Options {
    var options = Inspection.Options()
    options.sortKey = sortKey
    options.rowLimit = rowLimit
    options.listsLayers = listsLayers
    options.showsMetadata = showsMetadata
    options.showsLayout = showsLayout
    return options
  }

  /// Returns the memory that statistics of tensors need.
  func statisticsDemand(of tensors: [LazyTensor], rows: [RowGeometry]) -> MemoryBudget.Demand {
    MemoryBudget.Demand(
      fixedByteCount: CatalogUse.report.byteCount(tensorCount: tensors.count)
        + StatisticsSurvey.fixedByteCount(tensors, rows: rows)
        + (showsNeurons ? NeuronSurvey.fixedByteCount(tensors, rows: rows) : 0),
      workerByteCount: max(
        StatisticsSurvey.workspaceByteCount(tensors, rows: rows),
        showsNeurons ? NeuronSurvey.workspaceByteCount(tensors, rows: rows) : 0))
  }

  /// Reads all values of the tensors.
  func statistics(
    of tensors: [LazyTensor], rows: [RowGeometry], _ exponents: PQIndex, _ pattern: Pattern,
    _ context: OperationContext
  ) throws -> (statistics: StatisticsSurvey.Result, neurons: [[NeuronSurvey.Neuron]?]?) {
    try SeveralErrors.throwIfAny(tensors.compactMap(\.fault))
    return try context.withEngine(
      .measure, statisticsDemand(of: tensors, rows: rows), tensors: tensors.count,
      byteCount: 2 * tensors.reduce(0) { $0 + $1.info.byteCount }
    ) { engine in
      (
        try StatisticsSurvey(exponents: exponents, pattern: pattern)
          .result(of: tensors, rows: rows, engine: engine),
        showsNeurons
          ? try NeuronSurvey(exponents: exponents).result(
            of: tensors, rows: rows, engine: engine) : nil
      )
    }
  }
}

extension Inspection.SortKey: Codable {}
