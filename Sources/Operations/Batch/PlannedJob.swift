import Base
import Checkpoints

/// A model of a batch after its headers and the journal were read.
struct PlannedJob: Sendable {
  /// The work that is left for a model.
  enum Action: Sendable {
    /// All steps.
    case run
    /// The steps after the output, which is complete but has no result in the journal.
    case finish
    /// Nothing: the output is there, and nothing changed.
    case skip(BatchEvent.Done)
    /// Nothing: an error is known from headers.
    case fail(any UserError)
  }

  var job: BatchJob
  /// The path of the output.
  var output: String
  var action: Action
  var inputStamp = ""
  /// The stamp of what has the name of the output; nil if nothing has.
  var outputStamp: String?
  /// True if the existing output is one that the batch wrote.
  var mayReplace = false
  /// The work of each step as far as it is known.
  var outlines: [WorkOutline] = []
  /// True if outputs of the steps before the last may be replaced, because an earlier run left them.
  var mayReplaceIntermediates = false
  /// True if the stamps of the inputs changed although their content did not, so that the result is recorded again.
  var hasNewStamps = false

  init(_ job: BatchJob, output: String, action: Action = .run) {
    self.job = job
    self.output = output
    self.action = action
  }

  var error: (any UserError)? { if case .fail(let error) = action { error } else { nil } }

  /// True if there is work to do.
  var isPending: Bool {
    switch action {
    case .run, .finish: true
    case .skip, .fail: false
    }
  }

  var inputByteCount: Int { outlines.first?.inputByteCount ?? 0 }
  /// The outline of the step that writes the output.
  var outputOutline: WorkOutline? {
    outlines.indices.contains(job.outputStep) ? outlines[job.outputStep] : nil
  }

  /// The bytes of values that all steps read.
  var valueByteCount: Int { outlines.reduce(0) { $0 + $1.valueByteCount } }
  /// The memory of the step that needs the most.
  var demand: MemoryBudget.Demand {
    MemoryBudget.Demand(
      fixedByteCount: outlines.map(\.demand.fixedByteCount).max() ?? 0,
      workerByteCount: outlines.map(\.demand.workerByteCount).max() ?? 0)
  }
  /// The size of all outputs before the last, which exist until the model is complete.
  var intermediateByteCount: Int {
    outlines.prefix(job.outputStep).reduce(0) { $0 + $1.byteCount }
  }

  /// True if the work of every step is known.
  var isFullyPlanned: Bool { outlines.count == job.steps.count }

  /// Returns the path of the output of a step.
  func outputPath(ofStep index: Int) -> String {
    guard index < job.outputStep else { return output }
    let step = job.steps[index]
    let verb = step.verb.replacing(" ", with: "-")
    return "\(output).\(index + 1)-\(verb)\(step.operation.outputSuffix)"
  }

  /// Returns the operation of a step with its paths. A report after the output compares it with the input.
  func operation(ofStep index: Int) -> any BatchableOperation {
    var operation = job.steps[index].operation
    let input = index == 0 ? job.input : outputPath(ofStep: index - 1)
    operation.bind(input: input, output: outputPath(ofStep: index))
    if index > job.outputStep { operation.compare(with: job.input) }
    if index < job.outputStep ? mayReplaceIntermediates : mayReplace {
      operation.replacesExisting = true
    }
    return operation
  }

  /// Removes what only planning needs: headers and open files.
  mutating func releaseHeaders() {
    for index in outlines.indices {
      outlines[index].inputs = []
      outlines[index].output = nil
    }
  }
}
