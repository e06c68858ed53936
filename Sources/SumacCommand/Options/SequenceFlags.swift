import ArgumentParser
import BLAS
import Operations

/// The options for the text of a cache.
struct SequenceFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Text, JSON lines with a member text, or token ids as FILE or FILE:TENSOR.",
      valueName: "file"),
    completion: .file())
  var data: String

  @Option(
    help: ArgumentHelp("A tokenizer.json in place of the model's.", valueName: "file"),
    completion: .file())
  var tokenizer: String?

  @Option(
    help:
      "Whether the text starts with the token for the beginning of a text: as the tokenizer does it, always, or never."
  )
  var bos = EvaluationSettings.StartToken.auto

  @Option(
    help: ArgumentHelp(
      "Positions that rotary frequencies are for, in models where they depend on the length. (default: those in the cache, or as many as there are tokens)",
      valueName: "n"))
  var context: Int?

  @Option(
    help:
      "Kernels of the matrix products: the fastest, or those with the same bits on every AVX2 processor."
  )
  var kernels = KernelChoice.native

  var settings: SequenceSettings {
    var settings = SequenceSettings(data: data)
    settings.tokenizer = tokenizer
    settings.start = bos
    settings.context = context
    settings.kernels = kernels
    return settings
  }
}
