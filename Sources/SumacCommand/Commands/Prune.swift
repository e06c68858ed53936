import ArgumentParser
import Operations
import Reporting

struct Prune: Verb {
  static let configuration = CommandConfiguration(
    commandName: "prune",
    abstract: "Set weights to zero: as many as the PQ Index allows, a share, or a pattern.",
    discussion: """
      The method pqi derives the number of weights to prune from the PQ Index of the weights; the other \
      methods prune a share or a pattern. Prunes matrices, convolutions, embeddings and experts, or the \
      tensors that --include selects. The values of pruned weights are lost; all others keep every bit. A \
      pruned tensor is smaller in .sumac files; other formats store zeros at full size. --sweep measures what \
      pruning by several shares costs, and writes no model. With --rounds, the network is trained before each \
      pruning and after the last.

      Examples:
        sumac prune model/ -o pruned.sumac
        sumac prune model.safetensors -o pruned.safetensors --p 1 --q 2 --scope layer
        sumac prune model/ -o half.sumac --by magnitude --amount 50%
        sumac prune model/ -o sparse24/ --by nm --pattern 2:4
        sumac prune trained.safetensors -o ticket.safetensors --rewind initial.safetensors
        sumac prune start.sumac --rounds 8 --data train.safetensors --test test.safetensors --recipe sgd.yaml \
      -o sap
        sumac prune model/ --sweep 10%,50%,90% -o error.svg
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Method") var method: PruneFlags
  @OptionGroup(title: "Rounds of training") var roundFlags: RoundFlags
  @OptionGroup(title: "Output") var writer: WriterFlags
  @OptionGroup(title: "Selection") var selectionFlags: SelectionFlags
  @OptionGroup(title: "Evaluation") var evaluationFlags: OutputEvaluationFlags

  @Option(
    help: ArgumentHelp(
      "Write masks of the kept weights to this file, as U8 tensors.", valueName: "file"),
    completion: .file())
  var saveMask: String?

  @Option(
    help: ArgumentHelp(
      "Take the values of the kept weights and all other tensors from this checkpoint (lottery ticket).",
      valueName: "initial"), completion: .file())
  var rewind: String?

  @Option(
    help: ArgumentHelp(
      "Global scope: write a survey of this shard for the common threshold; prune nothing.",
      valueName: "file"), completion: .file())
  var surveyOut: String?

  @Option(
    help: ArgumentHelp(
      "Global scope: survey of a shard from the previous round; repeat for every shard.",
      valueName: "file"), completion: .file())
  var surveyIn: [String] = []

  @Option(
    defaultAsFlag: SweepShares.standard, parsing: .next,
    help: ArgumentHelp(
      "Measure the error of pruning by these shares, and with --evaluate the predictions, instead of writing "
        + "a model. -o writes a plot (.svg), a page (.html) or the report (.json, .csv).",
      valueName: "shares"))
  var sweep: SweepShares?

  @Argument(
    help: ArgumentHelp("A .safetensors or .sumac file, shard index, or model folder."),
    completion: .file())
  var input: String

  func validate() throws {
    if let sweep {
      try method.checkMethod()
      guard roundFlags.rounds == nil else {
        throw ValidationError("--sweep and --rounds are two jobs: give one of them")
      }
      _ = try sweep.shares
      try writer.checkSweep(measuresSizes: false)
      guard surveyOut == nil, surveyIn.isEmpty, saveMask == nil else {
        throw ValidationError(
          "--sweep writes no model: leave out --survey-out, --survey-in and --save-mask")
      }
      return
    }
    guard roundFlags.rounds == nil else { return try checkRounds() }
    try method.checkMethod()
    guard surveyOut != nil else { return try writer.requireOutput() }
    guard !writer.dryRun, writer.givenOutput == nil, saveMask == nil,
      evaluationFlags.settings == nil
    else {
      throw ValidationError(
        "--survey-out writes a survey and no checkpoint: leave out -o, --save-mask, --evaluate and --dry-run"
      )
    }
  }

  func run(_ invocation: Invocation) throws {
    if let surveyOut {
      return try invocation.reportingFailure(as: writer.chosenFormat) {
        try writeSurvey(to: surveyOut, invocation)
      }
    }
    if let count = roundFlags.rounds {
      return try invocation.run(writer, roundsOperation(count, invocation))
    }
    if let sweep { return try invocation.runSweep(writer) { try self.sweep(sweep, invocation) } }
    try invocation.run(writer) { operation(invocation) }
  }

  private func sweep(_ sweep: SweepShares, _ invocation: Invocation) throws -> PruneSweepOperation {
    var operation = PruneSweepOperation(input: input, shares: try sweep.shares)
    operation.settings = method.sweepSettings
    operation.selection = selectionFlags.settings(invocation)
    operation.rewind = rewind
    operation.evaluation = evaluationFlags.settings
    operation.output = writer.sweepOutput
    return operation
  }

  func operation(_ invocation: Invocation) -> PruneOperation {
    var operation = PruneOperation(input: input, output: writer.settings)
    operation.settings = method.settings
    operation.selection = selectionFlags.settings(invocation)
    operation.evaluation = evaluationFlags.settings
    operation.maskOutput = saveMask
    operation.rewind = rewind
    operation.surveys = surveyIn
    operation.recordsDecisions = [.json, .jsonl].contains(writer.chosenFormat)
    return operation
  }

  private func writeSurvey(to path: String, _ invocation: Invocation) throws {
    var operation = PruneSurveyOperation(input: input, surveyOutput: path)
    operation.replacesExisting = writer.force
    operation.settings = method.settings
    operation.selection = selectionFlags.settings(invocation)
    operation.rewind = rewind
    operation.surveys = surveyIn
    try invocation.printWritten(operation.run(invocation.context), writer)
  }
}
