package import Base
package import Checkpoints
package import Reporting

/// What an operation would write, as far as headers tell.
package struct OutputRequest: Sendable {
  /// The options that shape the output, for its lineage.
  package var options: [Lineage.Option]
  package var inputs: [Checkpoint]
  /// The output as it is planned: of the dtypes, shapes and storage that it will have.
  package var output: Checkpoint
  /// Everything that is known to be wrong.
  package var errors: [any UserError]
  /// What the user should know before.
  package var notes: [Message]
  /// What replaces `notes` in a plan; nil if they are the same.
  package var planNotes: [Message]?
  /// The inputs whose tensors the output has as they are; all inputs if nil.
  package var carried: [Checkpoint]?
  /// The verb of the lineage, where it is not the operation's.
  package var verb: String?
  /// What the weights of a model directory are called, without suffix.
  package var weightsName = "model"
  /// A writer that no container makes: that of a cache layout, with its name.
  package var writer: (writer: any CheckpointWriter, format: String)?
  package var survey: OutputSurvey?

  package init(
    options: [Lineage.Option], inputs: [Checkpoint], output: Checkpoint,
    errors: [any UserError] = [], notes: [Message] = [], carried: [Checkpoint]? = nil,
    survey: OutputSurvey? = nil
  ) {
    self.options = options
    self.inputs = inputs
    self.output = output
    self.errors = errors
    self.notes = notes
    self.carried = carried
    self.survey = survey
  }
}

/// The reading that has to be done before an output can be written.
package struct OutputSurvey: Sendable {
  package var phase: ProgressPhase
  package var demand: MemoryBudget.Demand
  package var tensorCount: Int
  /// Bytes that are read: what progress counts.
  package var byteCount: Int
  /// Whether a plan without it would say too little, so that it is done for plans as well.
  package var isNeededForPlan: Bool
  /// - Parameter options: of the writer that will write the output.
  package var run: @Sendable (Engine, WriterOptions) throws -> SurveyedOutput

  package init(
    _ phase: ProgressPhase, _ demand: MemoryBudget.Demand, tensorCount: Int = 0, byteCount: Int,
    isNeededForPlan: Bool = false,
    run: @escaping @Sendable (Engine, WriterOptions) throws -> SurveyedOutput
  ) {
    self.phase = phase
    self.demand = demand
    self.tensorCount = tensorCount
    self.byteCount = byteCount
    self.isNeededForPlan = isNeededForPlan
    self.run = run
  }
}

/// What a survey found.
package struct SurveyedOutput: Sendable {
  /// The output with what was found; nil if it is as it was planned.
  package var output: Checkpoint?
  package var notices: [OperationNotice] = []
  /// Outputs to be written before the main one, such as masks.
  package var extras: [OutputJob] = []
  /// A report on the written output.
  package var report: (@Sendable (_ writtenByteCount: Int) throws -> any Report)?

  package init(output: Checkpoint? = nil, notices: [OperationNotice] = []) {
    self.output = output
    self.notices = notices
  }
}
