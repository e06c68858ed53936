import ArgumentParser
import Operations

/// The options for the sequences that a model is probed with.
struct ProbeFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Rows of a start token and a segment twice, as FILE or FILE:TENSOR. (default: drawn at random)",
      valueName: "file"),
    completion: .file())
  var tokens: String?

  @Option(
    help: ArgumentHelp(
      "Rows of a start token and a segment several times, for the loss by copy. (default: drawn)",
      valueName: "file"),
    completion: .file())
  var copies: String?

  @Option(help: ArgumentHelp("Tokens of a drawn segment. (default: 20)", valueName: "n"))
  var length: Int?

  @Option(help: ArgumentHelp("Drawn sequences with two segments. (default: 8)", valueName: "n"))
  var sequences: Int?

  @Option(
    help: ArgumentHelp("Copies of the segment for the loss by copy. (default: 11)", valueName: "n"))
  var copiesCount: Int?

  @Option(
    help: ArgumentHelp(
      "First token of drawn sequences. (default: bos_token_id of config.json, otherwise 0)",
      valueName: "id"))
  var start: Int?

  @Option(help: ArgumentHelp("Seed of the drawn sequences. (default: 0)", valueName: "n"))
  var seed: UInt64?

  @OptionGroup var products: KernelFlags

  var settings: ProbeSettings {
    var settings = ProbeSettings()
    settings.tokens = tokens
    settings.copies = copies
    settings.segmentLength = length
    settings.sequenceCount = sequences
    settings.copyCount = copiesCount
    settings.start = start
    settings.seed = seed
    settings.kernels = products.kernels
    return settings
  }
}
