import ArgumentParser
import Operations

/// The options for the text that a model is run over.
struct EvaluationFlags: ParsableArguments {
  @Option(
    name: .long, parsing: .singleValue,
    help: ArgumentHelp(
      "Text, JSON lines with a member text, or token ids as FILE or FILE:TENSOR. Repeat for more.",
      valueName: "file"),
    completion: .file())
  var data: [String] = []

  @Option(
    help: ArgumentHelp(
      "Tokens of a window. (default: 512, or fewer if the model was trained on fewer)",
      valueName: "n"))
  var window: Int?

  @Option(
    help: ArgumentHelp(
      "Tokens from the start of a window to that of the next. (default: the window)",
      valueName: "n"))
  var stride: Int?

  @Option(help: ArgumentHelp("Use only the first tokens of each text.", valueName: "n"))
  var tokens: Int?

  @OptionGroup var text: TokenizerFlags

  @Option(
    help:
      "Start each window with the token for the beginning of a text: as the tokenizer does, always, or never."
  )
  var bos = EvaluationSettings.StartToken.auto

  @OptionGroup var products: KernelFlags

  @Option(
    help: ArgumentHelp(
      "Folder that keeps the state after each block: after a kill, the same command goes on from it.",
      valueName: "folder"),
    completion: .directory)
  var resume: String?

  mutating func validate() throws {
    for (name, value) in [("--window", window), ("--stride", stride), ("--tokens", tokens)] {
      if let value, value < 1 { throw ValidationError("\(name) is \(value), expected 1 or more") }
    }
  }

  var settings: EvaluationSettings {
    var settings = EvaluationSettings(data: data)
    settings.window = window
    settings.stride = stride
    settings.tokenLimit = tokens
    settings.tokenizer = text.tokenizer
    settings.start = bos
    settings.kernels = products.kernels
    settings.resumeFolder = resume
    return settings
  }
}

extension EvaluationSettings.StartToken: ExpressibleByArgument {}
