import Base
import Checkpoints
import Evaluation
import Models

/// The comparison of an output with a model that it was made of, prepared before the output is written.
struct OutputEvaluation: Sendable {
  private let settings: EvaluationSettings
  private let reference: EvaluatedSource
  /// The configuration that the output will have.
  private let configuration: ModelConfiguration
  private let windows: TokenWindows
  /// The memory that the comparison needs at least.
  let demand: MemoryBudget.Demand

  /// Checks that output and reference can be run over the text.
  /// - Parameter planned: The output, of which only headers and files are read.
  init(
    of planned: Checkpoint, to output: OutputSettings, against reference: Checkpoint,
    _ settings: EvaluationSettings, _ context: OperationContext
  ) throws {
    guard output.path != OutputJob.standardOutputName else {
      throw UsageError(
        "an output on standard output cannot be read again for \(setting: "evaluate")",
        hint: "name a file with \(setting: "output")")
    }
    var planned = output.companions.applied(to: planned)
    planned.path = output.path
    try self.init(of: planned, against: reference, settings, context)
  }

  /// Checks that a checkpoint of which nothing is written, and a reference, can be run over the text.
  init(
    of planned: Checkpoint, against reference: Checkpoint, _ settings: EvaluationSettings,
    _ context: OperationContext
  ) throws {
    self.settings = settings
    self.reference = try EvaluatedSource(reference, path: reference.path)
    configuration = try planned.modelConfiguration() ?? self.reference.configuration
    let inputs = try EvaluationInputs(
      EvaluatedSource(planned, path: planned.path, configuration), against: self.reference,
      settings, context)
    windows = inputs.windows
    demand = try inputs.demand()
    _ = try context.memory.allot(demand, jobs: context.jobs, tiles: .max, valueByteCount: .max)
  }

  /// The comparison in words, for plans.
  var planned: Message {
    "then compared with \(reference.files.path.printable) on "
      + "\(windows.scoredCount.counted("token")) in \(windows.count.counted("window")) of "
      + "\(windows.length.grouped), which needs at least \(ByteSize(demand.fixedByteCount))"
  }

  /// Compares the written output at `path` with the reference.
  /// - Throws: ``FormatError`` if one of them computes NaN or infinity. The output stays as it is.
  func report(of path: String, _ context: OperationContext) throws -> EvaluationReport {
    try report(of: context.read(path, for: .report), named: path, context)
  }

  /// Compares a checkpoint, whose values may be computed when they are read, with the reference.
  /// - Throws: ``FormatError`` if one of them computes NaN or infinity.
  func report(
    of output: Checkpoint, named name: String, _ context: OperationContext
  ) throws -> EvaluationReport {
    let inputs = try EvaluationInputs(
      EvaluatedSource(output, path: name, configuration), against: reference, settings,
      windows: windows, context)
    guard let base = inputs.base else { preconditionFailure("a reference was given") }
    let comparison = try inputs.comparison(against: base)
    return EvaluationReport(
      model: name, base: reference.files.path, data: settings.data, windows: windows,
      kernels: inputs.kernels,
      result: .comparison(ComparisonStatistics(comparison.tokens), layers: []))
  }
}

extension OutputRequest {
  /// Prepares the evaluation of the output, if there are settings for it, and adds what prevents it to the errors.
  /// - Throws: ``InterruptedError``, or an error that is not about the models or the text.
  mutating func evaluate(
    _ settings: EvaluationSettings?, against reference: Checkpoint, _ output: OutputSettings,
    _ context: OperationContext
  ) throws {
    guard let settings else { return }
    split = .refused(
      "\(setting: "evaluate") runs the whole output; run \(command: "eval") after the tasks")
    do {
      evaluation = try OutputEvaluation(
        of: self.output, to: output, against: reference, settings, context)
    } catch let error as InterruptedError {
      throw error
    } catch let error as SeveralErrors {
      errors += error.errors
    } catch let error as any UserError {
      errors.append(error)
    }
  }
}
