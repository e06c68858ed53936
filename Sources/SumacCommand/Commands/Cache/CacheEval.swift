import ArgumentParser
import Operations

struct CacheEval: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Measure how far the text after a packed cache is from that after the original.",
    discussion: """
      Runs the model over the tokens after those in the cache, with the keys and values of the original and \
      of the packed cache, and compares the predictions: perplexity, divergence, same top token.

      Examples:
        sumac cache eval prompt.sumac --against prompt.safetensors --model model/ --data prompt.txt
        sumac cache eval prompt.sumac --against prompt.safetensors --model model/ --data prompt.txt --tokens 128 --json
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Text") var text: SequenceFlags
  @OptionGroup(title: "Input") var input: CacheInputFlags
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(help: "Original cache to compare with.", completion: .file())
  var against: String

  @Option(help: ArgumentHelp("Number of tokens after the cache that are used.", valueName: "n"))
  var tokens = 512

  @Argument(help: "Packed cache, or another cache file or folder.", completion: .file())
  var cache: String

  var inputPaths: [String] { [cache, against] + [input.model].compactMap(\.self) }

  mutating func validate() throws {
    guard input.model != nil else {
      throw ValidationError("--model is missing: name the model of the cache")
    }
  }

  func operation(_ invocation: Invocation) -> any Operation {
    var operation = CacheEvalOperation(
      cache: cache, against: against, model: input.model ?? "", text: text.settings)
    operation.input = input.settings
    operation.tokenLimit = tokens
    return operation
  }
}
