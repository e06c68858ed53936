import ArgumentParser
import Operations

/// The options for the text of a cache.
struct SequenceFlags: ParsableArguments {
  @Option(
    name: .customLong("data"), parsing: .singleValue,
    help: ArgumentHelp(
      "Text, JSON lines with a member text, or token ids as FILE or FILE:TENSOR.",
      valueName: "file"),
    completion: .file())
  var texts: [String]

  @OptionGroup var text: TokenizerFlags

  @Option(
    help:
      "Start the text with the token for the beginning of a text: as the tokenizer does, always, or never."
  )
  var bos = EvaluationSettings.StartToken.auto

  @Option(
    help: ArgumentHelp(
      "Positions that rotary frequencies are for, in models where they depend on the length. (default: those in the cache, or as many as there are tokens)",
      valueName: "n"))
  var context: Int?

  @OptionGroup var products: KernelFlags

  mutating func validate() throws {
    guard texts.count == 1 else {
      throw ValidationError(
        "--data is given \(texts.count) times, but a cache belongs to one text: give one")
    }
  }

  var settings: SequenceSettings {
    var settings = SequenceSettings(data: texts[0])
    settings.tokenizer = text.tokenizer
    settings.start = bos
    settings.context = context
    settings.kernels = products.kernels
    return settings
  }
}
