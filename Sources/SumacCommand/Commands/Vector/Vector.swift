import ArgumentParser
import Operations

struct Vector: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vector",
    abstract: "Extract, apply, add and compress task vectors.",
    discussion: """
      A task vector is the difference between a fine-tuned model and its base. It can be stored dense, \
      sparse, as low-rank products or quantized, and added to a base with any scale. In .sumac files its \
      terms are added to those of the base without decoding. LoRA adapters of PEFT also work as vectors.

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

/// The options for how a task vector is stored.
struct VectorFormFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Keep this share of each tensor's values, largest first, such as 10% or 0.1.",
      valueName: "share"))
  var density: ShareArgument?

  @Option(
    help: ArgumentHelp(
      "Store weights as low-rank products of this rank.", valueName: "r"))
  var rank: Int?

  @Option(
    help: ArgumentHelp(
      "Store weights as this type, such as int4:g64 or int8. See: sumac explain types.",
      valueName: "type"), completion: .list(Completions.types))
  var type: String?

  var settings: VectorFormSettings {
    var settings = VectorFormSettings()
    settings.density = density?.share
    settings.rank = rank
    settings.type = type
    return settings
  }
}

/// The option for the scales of task vectors.
struct ScaleFlags: ParsableArguments {
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Factor on all vectors, or on the named vector. Can be repeated. (default: 1)",
      valueName: "[name=]x"))
  var scale: [ModelValue] = []
}
