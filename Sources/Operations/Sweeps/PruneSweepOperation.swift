import Base
import Charts
import Checkpoints
import Evaluation
import Pages
import Pruning
import Reporting
import Surveys
import TensorCore

/// Measures what pruning by several shares costs. Writes no model.
///
/// Each share is pruned in turn as ``PruneOperation`` does it. The pruned values are computed when they are read, for the
/// error and for the evaluation, so that memory does not depend on the number of shares.
/// Complexity: the passes of pruning, one pass for the error, and the evaluation, for each share.
package struct PruneSweepOperation: Operation {
  package static let verb = "prune sweep"

  package var input: String
  /// The shares of the weights to drop, in the order of the report; equal ones are measured once.
  package var shares: [Double]
  /// The rule of pruning, without its share.
  package var settings = PruneSettings()
  package var selection = SelectionSettings()
  package var rewind: String?
  /// The text on which each pruned model is compared with the input; nil to compare nothing.
  package var evaluation: EvaluationSettings?
  /// The plot, page or report to write in addition to the result.
  package var output: SweepOutput?

  package init(input: String, shares: [Double] = Self.standardShares) {
    self.input = input
    self.shares = shares
  }

  package static let standardShares = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
  private static let shareLimit = 1000

  package func run(_ context: OperationContext) throws -> OperationResult {
    var errors = settingErrors
    do { try output?.check(inputs: inputPaths) } catch { errors.append(try asUserError(error)) }
    // The errors of other settings would follow from those of these.
    try SeveralErrors.throwIfAny(errors)
    var first = settings
    first.amount = shares.first
    let job = try PruneInputs(input: input, first, selection, rewind: rewind, context)
    try SeveralErrors.throwIfAny(job.errors + job.checkpoint.tensors.compactMap(\.fault))
    for note in job.pruning.notes(for: job.checkpoint) { context.observer.report(.warning(note)) }
    let evaluation = try evaluation.map {
      try OutputEvaluation(of: job.initial ?? job.checkpoint, against: job.checkpoint, $0, context)
    }
    var seen: Set<Double> = []
    let points = try shares.filter { seen.insert($0).inserted }.map {
      try point($0, job, evaluation, context)
    }
    let report = PruneSweepReport(
      model: input, options: job.pruning.options.filter { $0.name != "amount" },
      outOfScope: job.pruning.outOfScope(job.checkpoint), data: self.evaluation?.data,
      points: points)
    try output?.write(report, plot: report.plot, page: SweepPage(report.document).page)
    if let output {
      context.observer.report(.note("\(output.path.printable): \(points.count.counted("point"))"))
    }
    context.observer.report(
      .measurement("peak resident memory \(ResidentMemory.peakByteCount) bytes"))
    return OperationResult(reports: [report])
  }

  private var inputPaths: [String] {
    [input] + [settings.norms, settings.mask, rewind].compactMap(\.self)
      + (evaluation?.paths ?? [])
  }

  private var settingErrors: [any UserError] {
    var errors: [any UserError] = []
    if settings.method == .pqi {
      errors.append(
        UsageError(
          "\(setting: "sweep") varies the share of weights to prune, which \(setting: "by") pqi derives itself",
          hint: "use \(setting: "by") magnitude, random or wanda"))
    }
    if settings.method == .nm || settings.pattern != nil {
      errors.append(
        UsageError(
          "\(setting: "sweep") varies the share of weights to prune, which a pattern fixes",
          hint: "use \(setting: "by") magnitude, random or wanda, without \(setting: "pattern")"))
    }
    if settings.amount != nil {
      errors.append(
        UsageError("\(setting: "amount") and \(setting: "sweep") cannot be used together"))
    }
    if !(1...Self.shareLimit).contains(shares.count) {
      errors.append(
        UsageError(
          "\(setting: "sweep") has \(shares.count.counted("share")), expected 1 to \(Self.shareLimit)"
        ))
    }
    if let wrong = shares.first(where: { !(0...1).contains($0) }) {
      errors.append(
        UsageError(
          "\(setting: "sweep") contains \(wrong), expected shares from 0 to 1 or 0% to 100%",
          hint: ShareHint.hint(for: wrong)))
    }
    return errors
  }

  private func point(
    _ share: Double, _ job: PruneInputs, _ evaluation: OutputEvaluation?,
    _ context: OperationContext
  ) throws -> PruneSweepReport.Point {
    guard let pruning = job.pruning.dropping(share) else {
      preconditionFailure("rules without a share are refused before")
    }
    let checkpoint = job.checkpoint
    var demand = job.demand
    demand.workerByteCount = max(
      demand.workerByteCount,
      pruning.lossWorkspaceByteCount(checkpoint, rewindingTo: job.initial))
    let valueByteCount = pruning.tensorIndices(in: checkpoint).reduce(0) {
      $0 + checkpoint.tensors[$1].info.byteCount
    }
    let (summary, pruned) = try context.withEngine(
      .survey, demand, tensors: checkpoint.tensors.count,
      byteCount: pruning.surveyByteCount(checkpoint) + valueByteCount
    ) { engine in
      let outcome = try pruning.outcome(
        for: checkpoint, recordsDecisions: false, engine: engine)
      let pruned = pruning.applied(to: checkpoint, outcome, rewindingTo: job.initial)
      let losses = try pruning.measuredLosses(of: pruned, outcome, engine: engine)
      let bytes = PruningReport.Bytes(input: checkpoint.fileByteCount, output: 0)
      let report = PruningReport(
        outcome, pruning, losses: losses, outOfScope: pruning.outOfScope(checkpoint), bytes: bytes)
      return (report.summary, pruned)
    }
    let figures = try evaluation?.report(
      of: pruned, named: "\(input) without \(share.briefPercentage)", context)
    return PruneSweepReport.Point(
      share: share, summary: summary, figures: figures.map { SweepFigures($0.members) })
  }
}
