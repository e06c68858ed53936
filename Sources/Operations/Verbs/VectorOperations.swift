import Base
import Charts
import Checkpoints
import Merging
import Reporting
import TensorCore

/// Adds task vectors, each multiplied by its scale.
package struct VectorAddOperation: OutputOperation {
  package static let verb = "vector add"

  package var vectors: [String]
  package var output: OutputSettings
  package var scales: [ModelValue] = []

  package init(vectors: [String], output: OutputSettings) {
    self.vectors = vectors
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    VectorSum(vectors: try scales.vectors(vectors.map(context.read))).request
  }
}

/// Negates a task vector.
package struct VectorNegateOperation: OutputOperation {
  package static let verb = "vector negate"

  package var vector: String
  package var output: OutputSettings

  package init(vector: String, output: OutputSettings) {
    self.vector = vector
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    VectorSum(vectors: [(try TaskVector(context.read(vector)), -1)]).request
  }
}

extension VectorSum {
  fileprivate var request: OutputRequest {
    let errors = errors
    var request = OutputRequest(
      options: lineageOptions, inputs: inputs,
      output: errors.isEmpty ? summed() : vectors[0].vector.checkpoint, errors: errors)
    request.survey = .check(of: vectors.map(\.vector))
    return request
  }
}

extension OutputSurvey {
  /// The survey that checks the values of vectors before they are written.
  fileprivate static func check(of vectors: [TaskVector]) -> OutputSurvey {
    let checks = vectors.map(VectorCheck.init)
    return OutputSurvey(
      .survey,
      MemoryBudget.Demand(
        fixedByteCount: 0, workerByteCount: checks.map(\.workerByteCount).max() ?? 0),
      byteCount: checks.reduce(0) { $0 + $1.byteCount }
    ) { engine, _ in
      let notes = try checks.flatMap { try $0.run(engine: engine) }
      return SurveyedOutput(notices: notes.map(OperationNotice.warning))
    }
  }
}

/// Compresses a task vector.
package struct VectorCompressOperation: OutputOperation {
  package static let verb = "vector compress"

  package var vector: String
  package var output: OutputSettings
  package var form = VectorFormSettings()

  package init(vector: String, output: OutputSettings) {
    self.vector = vector
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    let checkpoint = try context.read(vector)
    let compression = VectorCompression(
      vector: try TaskVector(checkpoint), form: try form.form())
    var errors = compression.errors
    if try !output.container.holdsTerms {
      errors.append(
        UsageError(
          "only .sumac files can store terms, but \(output.path.printable) is not a .sumac file",
          hint: "name the output NAME.sumac"))
    }
    var request = OutputRequest(
      options: compression.lineageOptions, inputs: [checkpoint],
      output: errors.isEmpty ? compression.compressed() : checkpoint, errors: errors)
    request.survey = .check(of: [compression.vector])
    return request
  }
}

/// Adds task vectors or adapters to a model.
package struct VectorApplyOperation: OutputOperation {
  package static let verb = "vector apply"

  package var vectors: [String]
  package var base: String
  package var output: OutputSettings
  package var scales: [ModelValue] = []

  package init(vectors: [String], base: String, output: OutputSettings) {
    self.vectors = vectors
    self.base = base
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    let base = try context.read(base)
    let application = VectorApplication(
      base: base, vectors: try scales.vectors(vectors.map(context.read)))
    let errors = application.errors
    let output = errors.isEmpty ? try application.applied() : base
    var request = OutputRequest(
      options: application.lineageOptions, inputs: application.inputs, output: output,
      errors: errors, notes: application.notes, carried: [base])
    guard application.surveyByteCount > 0, errors.isEmpty else { return request }
    request.survey = OutputSurvey(
      .survey,
      MemoryBudget.Demand(
        fixedByteCount: 0,
        workerByteCount: max(
          Engine.workspaceByteCount(of: output.tensors, extra: { _ in 0 }),
          application.checkByteCount)),
      byteCount: application.surveyByteCount
    ) { engine, _ in
      let notes = try application.check(output, engine: engine)
      return SurveyedOutput(notices: notes.map(OperationNotice.warning))
    }
    return request
  }
}

/// Shows norms of task vectors and compares them in pairs.
package struct VectorStatsOperation: Operation {
  package static let verb = "vector stats"

  package var vectors: [String]
  /// The path of the model that they were fine-tuned from.
  package var base: String?
  /// True if tensors are listed instead of layers.
  package var listsTensors = false
  /// The path of an SVG plot of the cosines, which replaces the report.
  package var plot: String?
  /// True if the plot replaces an existing file.
  package var replacesPlot = false

  package init(vectors: [String]) { self.vectors = vectors }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let base = try base.map(context.read)
    let inputs = try vectors.map { try VectorStatistics.Input(context.read($0), base: base) }
    let checks = inputs.compactMap(\.check)
    let statistics = try context.withEngine(
      .measure,
      MemoryBudget.Demand(
        fixedByteCount: 0,
        workerByteCount: max(
          VectorStatistics.workerByteCount(inputs, base: base),
          checks.map(\.workerByteCount).max() ?? 0)),
      byteCount: VectorStatistics.byteCount(inputs, base: base)
        + checks.reduce(0) { $0 + $1.byteCount }
    ) { engine in
      for check in checks { _ = try check.run(engine: engine) }
      return try VectorStatistics(inputs, base: base, engine: engine)
    }
    guard let plot else {
      return OperationResult(reports: [VectorReport(statistics, listsTensors: listsTensors)])
    }
    try ReportFile.write(
      VectorPlot.chart(statistics).svg, to: plot, replacesExisting: replacesPlot)
    context.observer.report(.note("\(plot.printable): \(vectors.count.counted("vector"))"))
    return OperationResult()
  }
}
