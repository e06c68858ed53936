import ArgumentParser
import Operations
import Reporting

struct Prune: Verb {
  static let configuration = CommandConfiguration(
    abstract: "Set weights to zero: as many as a model's compressibility allows, or as you say.",
    discussion: """
      By the PQ Index (pqi) the weights themselves tell how many can go; the other methods drop a share \
      or a pattern. Pruned are tensors of two dimensions or more with 'weight' in their last name part, \
      or those that --include names. In .sumac a pruned tensor takes less room; in other formats zeros \
      take as much as any number.

      Examples:
        sumac prune model/ -o pruned.sumac
        sumac prune model.safetensors -o pruned.safetensors --p 1 --q 2 --scope layer
        sumac prune model/ -o half.sumac --by magnitude --amount 50%
        sumac prune model/ -o sparse24/ --by nm --pattern 2:4
        sumac prune trained.safetensors -o ticket.safetensors --rewind initial.safetensors
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Method") var method: PruneFlags
  @OptionGroup(title: "Output") var writer: WriterFlags
  @OptionGroup(title: "Selection") var selectionFlags: SelectionFlags

  @Option(
    help: ArgumentHelp(
      "Write which weights are kept, as U8 tensors.", valueName: "file"), completion: .file())
  var saveMask: String?

  @Option(
    help: ArgumentHelp(
      "Keep the weights of this checkpoint instead, and all its other tensors (lottery ticket).",
      valueName: "initial"), completion: .file())
  var rewind: String?

  @Option(
    help: ArgumentHelp(
      "Global scope: write what this shard tells of the common threshold, and prune nothing.",
      valueName: "file"), completion: .file())
  var surveyOut: String?

  @Option(
    help: ArgumentHelp(
      "Global scope: the surveys of all shards, of the last round; repeat for each.",
      valueName: "file"), completion: .file())
  var surveyIn: [String] = []

  @Option(help: "How to print the summary: text, json, jsonl, csv or markdown.")
  var format = ReportFormat.text

  @Flag(help: "Short for --format json.")
  var json = false

  @Argument(
    help: ArgumentHelp("A .safetensors or .sumac file, a shard index, or a model folder."),
    completion: .file())
  var input: String

  func validate() throws { if surveyOut == nil { try writer.requireOutput() } }

  func run(_ invocation: Invocation) throws {
    if let surveyOut { return try writeSurvey(to: surveyOut, invocation) }
    guard let result = try invocation.run(operation(invocation), isDryRun: writer.dryRun),
      !global.quiet || json,
      let text = result.rendered(as: json ? .json : format, width: StandardOutput.width)
    else { return }
    try StandardOutput.write(text)
  }

  private func operation(_ invocation: Invocation) -> PruneOperation {
    var operation = PruneOperation(input: input, output: writer.settings)
    operation.settings = method.settings
    operation.selection = selectionFlags.settings(invocation)
    operation.maskOutput = saveMask
    operation.rewind = rewind
    operation.surveys = surveyIn
    operation.recordsDecisions = json || format == .json || format == .jsonl
    return operation
  }

  private func writeSurvey(to path: String, _ invocation: Invocation) throws {
    var operation = PruneSurveyOperation(input: input, surveyOutput: path)
    operation.settings = method.settings
    operation.selection = selectionFlags.settings(invocation)
    operation.rewind = rewind
    operation.surveys = surveyIn
    _ = try operation.run(invocation.context)
  }
}
