package import Base
package import Checkpoints
package import Evaluation
package import Reporting

/// The output that an operation plans, as far as it is known from headers.
package struct OutputRequest: Sendable {
  /// The options that shape the output, recorded in its lineage.
  package var options: [Lineage.Option]
  package var inputs: [Checkpoint]
  /// The planned output, with its final dtypes, shapes and storage.
  package var output: Checkpoint
  /// All errors that are known before the work starts.
  package var errors: [any UserError]
  /// Warnings shown before the work starts.
  package var notes: [Message]
  /// Statements about the output that are shown after its summary.
  package var facts: [Message] = []
  /// The notes of a plan, if they differ from `notes`.
  package var planNotes: [Message]?
  /// The inputs whose tensors the output contains unchanged; all inputs if nil.
  package var carried: [Checkpoint]?
  /// The verb recorded in the lineage, if it is not the operation's.
  package var verb: String?
  /// The writer of a cache layout and the layout's name, used instead of a container.
  package var writer: (writer: any CheckpointWriter, format: String)?
  package var survey: OutputSurvey?
  /// The paths of the outputs that are written together with the main one; the survey makes their jobs.
  package var sidePaths: [String] = []
  /// The way in which separate tasks make the output.
  package var split = TaskSplit.withoutSurvey
  /// The evaluation of the output after it is written.
  var evaluation: OutputEvaluation?

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

/// A pass over the inputs that is needed before the output can be written.
package struct OutputSurvey: Sendable {
  package var phase: ProgressPhase
  package var demand: MemoryBudget.Demand
  package var tensorCount: Int
  /// The number of bytes that are read, for progress.
  package var byteCount: Int
  /// True if a plan needs the survey too.
  package var isNeededForPlan: Bool
  /// True if the output's values do not exist before the survey, so that a plan cannot sample them, and the survey is most
  /// of the work.
  package var makesValues = false
  /// Runs the survey with the options of the writer of the output.
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

/// The result of a survey.
package struct SurveyedOutput: Sendable {
  /// The output after the survey, or nil if it is as planned.
  package var output: Checkpoint?
  /// The options that shaped the output, if the survey found some of them; nil if they are as planned.
  package var options: [Lineage.Option]?
  package var notices: [OperationNotice] = []
  /// The size of the output, if the survey measured it.
  package var byteCount: Int?
  /// Outputs that appear together with the main one, such as masks.
  package var extras: [OutputJob] = []
  /// Makes a report on the written output.
  package var report:
    (@Sendable (_ writtenByteCount: Int, _ evaluation: EvaluationReport?) throws -> any Report)?
  /// Called when the output is written; nil for nothing.
  package var finish: (@Sendable () throws -> Void)?

  package init(
    byteCount: Int? = nil, output: Checkpoint? = nil, notices: [OperationNotice] = []
  ) {
    self.byteCount = byteCount
    self.output = output
    self.notices = notices
  }
}
