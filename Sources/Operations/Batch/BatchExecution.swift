import Base
import Checkpoints
import Evaluation
import Reporting

/// The work on one model of a batch.
struct BatchExecution {
  let planned: PlannedJob
  let keepsIntermediates: Bool
  let context: OperationContext

  private var job: BatchJob { planned.job }

  /// Runs the steps that are left.
  /// - Returns: The event for the journal.
  func done() throws -> BatchEvent.Done {
    let start = ContinuousClock.now
    let inputStamp = try FileStamp(of: job.inputPaths).text
    var inputIDs: [String] = []
    var relativeError: Double?
    var divergence: Double?
    let isComplete = if case .finish = planned.action { true } else { false }
    defer { if !keepsIntermediates { removeIntermediates() } }
    for index in job.steps.indices where !isComplete || index > job.outputStep {
      let written = try run(index)
      if index == 0 { inputIDs = written?.inputIDs ?? [] }
      if let loss = written?.loss { relativeError = max(relativeError ?? 0, loss.relative) }
      divergence = written?.evaluation?.divergence ?? divergence
    }
    return BatchEvent.Done(
      output: job.name, input: job.input, inputStamp: inputStamp, inputIDs: inputIDs,
      inputByteCount: planned.inputByteCount, settings: job.settings,
      outputStamp: try FileStamp(ofOutput: planned.output)?.text ?? "",
      outputID: job.steps[job.outputStep].operation.writesCheckpoint
        ? (try? context.quiet.read(planned.output, for: .report))?.identity.id : nil,
      outputByteCount: try FileSystem.byteCount(ofTree: planned.output),
      relativeError: relativeError, divergence: divergence,
      seconds: (ContinuousClock.now - start) / .seconds(1))
  }

  private func run(_ index: Int) throws -> OutputReport? {
    let operation = planned.operation(ofStep: index)
    let result = try operation.run(context)
    if !operation.writesCheckpoint, index == 0 {
      let format = try BatchReportFormat(name: job.name).format
      try ReportFile.write(to: planned.output, replacesExisting: planned.mayReplace) {
        try result.write(as: format, width: nil, to: $0)
      }
    }
    guard result.status == .done else {
      throw BatchStepFailure(status: result.status, verb: job.steps[index].verb, result)
    }
    return result.written
  }

  /// Removes the outputs of all steps before the last, also those that an earlier run left.
  private func removeIntermediates() {
    for index in 0..<job.outputStep {
      try? FileSystem.removeTree(planned.outputPath(ofStep: index))
    }
  }
}

/// The error of a step that ended with a finding, such as a difference, and not with an error.
private struct BatchStepFailure: UserError {
  let status: ExitStatus
  let message: Message

  init(status: ExitStatus, verb: String, _ result: OperationResult) {
    self.status = status
    var text = ""
    result.write(as: .text, width: nil) { text += $0 }
    let lines = text.split(separator: "\n")
    // The last line sums up a comparison; the first one states damage.
    let line = (status == .badInput ? lines.first : lines.last).map(String.init) ?? status.name
    message = "\(verb): \(line)"
  }
}
