import ArgumentParser
import Operations

struct VectorStats: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "stats",
    abstract: "Show norms of task vectors and compare them in pairs.",
    discussion: """
      Shows the norms of each layer and, for each pair of vectors, the cosine and the share of values \
      with different signs. With --base, the arguments can also be fine-tuned models. With -o NAME.svg, \
      writes a plot of the cosines.

      Examples:
        sumac vector stats math.sumac code.sumac
        sumac vector stats math/ code/ --base base/ --tensors
        sumac vector stats math.sumac code.sumac chat.sumac --json
        sumac vector stats math.sumac code.sumac chat.sumac -o cosines.svg
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(
    help: ArgumentHelp("Model that they were fine-tuned from.", valueName: "model"),
    completion: .file())
  var base: String?

  @Flag(help: "List tensors instead of layers.")
  var tensors = false

  @Argument(
    help: ArgumentHelp("Task vectors, LoRA adapters, or with --base fine-tuned models."),
    completion: .file())
  var vectors: [String]

  var inputPaths: [String] { vectors + [base].compactMap(\.self) }
  var drawings: [String] { ["svg"] }

  func operation(_ invocation: Invocation) -> any Operation {
    var operation = VectorStatsOperation(vectors: vectors)
    operation.base = base
    operation.listsTensors = tensors
    operation.plot = report.drawing
    operation.replacesPlot = report.force
    return operation
  }
}
