import ArgumentParser
import Operations

struct VectorStats: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "stats",
    abstract: "Show norms of task vectors, and how they lie to each other.",
    discussion: """
      For each layer: norms, and for pairs the cosine and the share of values whose signs differ. With \
      --base fine-tuned models may be given as they are.

      Examples:
        sumac vector stats math.sumac code.sumac
        sumac vector stats math/ code/ --base base/ --tensors
        sumac vector stats math.sumac code.sumac chat.sumac --json
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(
    help: ArgumentHelp("The model that they were tuned from.", valueName: "model"),
    completion: .file())
  var base: String?

  @Flag(help: "List tensors, not layers.")
  var tensors = false

  @Argument(
    help: ArgumentHelp("Task vectors, LoRA adapters, or with --base fine-tuned models."),
    completion: .file())
  var vectors: [String]

  func operation() -> any Operation {
    var operation = VectorStatsOperation(vectors: vectors)
    operation.base = base
    operation.listsTensors = tensors
    return operation
  }
}
