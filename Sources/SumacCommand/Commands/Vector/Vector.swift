import ArgumentParser
import Operations

struct Vector: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Task vectors: what a fine-tune adds to its base, as a small file.",
    discussion: """
      A vector is taken out of a fine-tune and its base, stored dense, sparse, as products of low rank \
      or quantized, and put on a base again, times any number. In .sumac its terms are added to those \
      of the base as they lie; nothing is decoded. LoRA adapters of PEFT are vectors too.

      Examples:
        sumac vector extract tuned/ --base base/ -o tuned.sumac --density 10%
        sumac vector apply tuned.sumac other.sumac --base base/ -o model/ --scale 0.4
        sumac vector extract tuned/ --base base/ -o exact.sumac --exact
        sumac vector stats math.sumac code.sumac
      """,
    subcommands: [
      VectorExtract.self, VectorApply.self, VectorAdd.self, VectorNegate.self,
      VectorStats.self, VectorCompress.self,
    ])
}

/// How vectors are stored.
struct VectorFormFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Keep this share of each tensor's values, the largest, such as 10% or 0.1.",
      valueName: "share"))
  var density: ShareArgument?

  @Option(
    help: ArgumentHelp(
      "Store weights as a product of factors of this rank.", valueName: "r"))
  var rank: Int?

  @Option(
    help: ArgumentHelp(
      "Store weights as this type, such as int4:g64 or int8; see: sumac explain types.",
      valueName: "type"))
  var type: String?

  var settings: VectorFormSettings {
    var settings = VectorFormSettings()
    settings.density = density?.share
    settings.rank = rank
    settings.type = type
    return settings
  }
}

/// Scales of several vectors.
struct ScaleFlags: ParsableArguments {
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "What vectors are multiplied by, or the one of that name; may be repeated. 1 if not given.",
      valueName: "[name=]x"))
  var scale: [ModelValue] = []
}
