import ArgumentParser
import Operations

struct Eval: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Run a model over text: perplexity or embeddings, and the distance from a base.",
    discussion: """
      Runs the network block by block, so that a model of any size and format fits into --memory. With \
      --against, compares its predictions with those of another model, such as the one before it was \
      quantized; with --by-layer, also what each block does, and names the first that is broken. Of an \
      encoder such as MiniLM, the embeddings of the lines of the text are compared.

      Examples:
        sumac eval model/ --data heldout.txt
        sumac eval small.sumac --against model/ --data heldout.txt
        sumac eval small.sumac --against model/ --data heldout.txt --by-layer
        sumac eval model/ --data tokens.safetensors:heldout --window 256
        sumac eval encoder/ --data sentences.txt --embeddings sentences.npy
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @OptionGroup(title: "Text") var text: EvaluationFlags

  @Option(
    help: ArgumentHelp("Model to compare with.", valueName: "base"), completion: .file())
  var against: String?

  @Flag(help: "With --against: compare the hidden states after each block.")
  var byLayer = false

  @Option(
    help: ArgumentHelp(
      "Write a row for each scored token, or for each sentence, to this CSV file.",
      valueName: "file"),
    completion: .file())
  var scores: String?

  @Option(
    help: ArgumentHelp(
      "Write the embeddings of an encoder to this .safetensors or .npy file.", valueName: "file"),
    completion: .file())
  var embeddings: String?

  @Argument(help: "Model folder, .sumac file or other checkpoint.", completion: .file())
  var model: String

  var inputPaths: [String] { [model] + [against].compactMap(\.self) }

  func operation(_ invocation: Invocation) -> any Operation {
    var operation = EvalOperation(model: model, settings: text.settings)
    operation.against = against
    operation.comparesLayers = byLayer
    operation.scores = scores
    operation.embeddings = embeddings
    operation.replacesScores = report.force
    return operation
  }
}
