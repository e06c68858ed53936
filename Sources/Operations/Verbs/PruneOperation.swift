import Base
import Checkpoints
import Containers
import Evaluation
import Models
import Packing
import Pruning
import Reporting
import Surveys
import TensorCore

/// Sets weights to zero.
package struct PruneOperation: OutputOperation {
  package static let verb = "prune"

  package var input: String
  package var output: OutputSettings
  package var settings = PruneSettings()
  package var selection = SelectionSettings()
  /// The path where the masks of kept weights are written.
  package var maskOutput: String?
  /// The path of a checkpoint that supplies the values of the kept weights.
  package var rewind: String?
  /// The paths of the surveys of all shards, which determine the common threshold.
  package var surveys: [String] = []
  /// True if every decision is recorded for the report.
  package var recordsDecisions = true
  /// The text on which the output is compared with the input; nil to compare nothing.
  package var evaluation: EvaluationSettings?

  package init(input: String, output: OutputSettings) {
    self.input = input
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    let job = try PruneInputs(
      input: input, settings, selection, rewind: rewind, context)
    let (pruning, checkpoint) = (job.pruning, job.checkpoint)
    var errors = job.errors
    if !surveys.isEmpty { errors += ShardSurvey.errors(pruning, settings) }
    errors += masks?.errors(job.inputs) ?? []
    let unpruned = Self.stored(
      job.initial ?? checkpoint, pruning.tensorIndices(in: checkpoint), checkpoint)
    var request = OutputRequest(
      options: pruning.options, inputs: job.inputs, output: unpruned, errors: errors,
      notes: pruning.notes(for: checkpoint))
    request.sidePaths = [maskOutput].compactMap { $0 }
    request.split = split(job)
    request.survey = OutputSurvey(
      .survey, job.demand, tensorCount: checkpoint.tensors.count,
      byteCount: pruning.surveyByteCount(checkpoint)
    ) { engine, options in
      try surveyed(job, engine: engine, options)
    }
    try request.evaluate(evaluation, against: checkpoint, output, context)
    return request
  }

  /// The file of the masks.
  private var masks: MaskOutput? { maskOutput.map { MaskOutput($0, besides: output) } }

  private func surveyed(
    _ job: PruneInputs, engine: Engine, _ options: WriterOptions
  ) throws -> SurveyedOutput {
    let (pruning, checkpoint) = (job.pruning, job.checkpoint)
    let outcome =
      try surveys.isEmpty
      ? pruning.outcome(
        for: checkpoint, recordsDecisions: recordsDecisions || settings.method == .pqi,
        engine: engine)
      : ShardSurvey(surveys, pruning, checkpoint).outcome(engine: engine)
    let pruned = pruning.applied(to: checkpoint, outcome, rewindingTo: job.initial)
    let output = Self.stored(pruned, outcome.tensorIndices, checkpoint)
    var result = SurveyedOutput(output: output, notices: Self.notices(checkpoint, outcome))
    if let masks {
      result.extras = [
        try masks.job(
          pruning.masks(of: checkpoint, outcome), options.lineage, verb: "prune mask",
          pruning.options)
      ]
    }
    let holdsTerms = (try? self.output.container)?.holdsTerms ?? false
    result.report = { written, evaluation in
      var bytes = PruningReport.Bytes(input: checkpoint.fileByteCount, output: written)
      if !holdsTerms { bytes.packed = try PackedSizeEstimate.byteCount(of: output.tensors) }
      var report = PruningReport(
        outcome, pruning, losses: pruning.losses(of: output, outcome),
        outOfScope: pruning.outOfScope(checkpoint), bytes: bytes)
      report.evaluation = evaluation?.members
      return report
    }
    return result
  }

  /// Returns the output with the tensors at `indices` of the input stored dense or sparse, as is smaller.
  static func stored(
    _ output: Checkpoint, _ indices: [Int], _ input: Checkpoint
  ) -> Checkpoint {
    let names = Set(indices.map { UTF8Key(input.tensors[$0].name) })
    var result = output
    for index in result.tensors.indices where names.contains(UTF8Key(result.tensors[index].name)) {
      guard SparseAutoEncoding.applies(to: result.tensors[index].info) else { continue }
      result.tensors[index].storage = .losslessOrSparse
    }
    return result
  }

  private static func notices(
    _ checkpoint: Checkpoint, _ outcome: PruningOutcome
  ) -> [OperationNotice] {
    let lossy = outcome.tensorIndices.map { checkpoint.tensors[$0] }.filter(\.record.isLossy)
    guard let first = lossy.first else { return [] }
    return [
      .warning(
        "\(lossy.count.counted("tensor")) with lossy storage, such as '\(first.name.printable)' "
          + "(\(first.stored.label)), will be stored losslessly, as decoded"
      )
    ]
  }
}

/// The inputs of pruning and all errors that are known from their headers.
struct PruneInputs: Sendable {
  let checkpoint: Checkpoint
  let initial: Checkpoint?
  let pruning: Pruning
  let inputs: [Checkpoint]
  let errors: [any UserError]

  init(
    input: String, _ settings: PruneSettings, _ selection: SelectionSettings, rewind: String?,
    _ context: OperationContext
  ) throws {
    checkpoint = try context.read(input)
    let norms = try settings.norms.map(context.read)
    let mask = try settings.mask.map(context.read)
    initial = try rewind.map(context.read)
    var (pruning, errors) = settings.pruning(
      selection: try selection.selection(), norms: norms, mask: mask)
    pruning.roles = TensorRoles(checkpoint)
    self.pruning = pruning
    self.errors =
      errors + pruning.errors(for: checkpoint)
      + (initial.map { [checkpoint] in pruning.errors(rewinding: checkpoint, to: $0) } ?? [])
    inputs = [checkpoint] + [norms, mask, initial].compactMap(\.self)
  }

  var demand: MemoryBudget.Demand {
    MemoryBudget.Demand(
      fixedByteCount: pruning.fixedByteCount(checkpoint),
      workerByteCount: pruning.workspaceByteCount(checkpoint))
  }
}
