import ArgumentParser
import Operations

struct RepeatsHeads: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "heads",
    abstract: "Measure copying and composition of attention heads by weights alone.",
    discussion: """
      For each head, the copying score of W_V W_O and that of the circuit W_E W_V W_O W_U from token \
      to token: the sum of the eigenvalues over the sum of their magnitudes, 1 for a head that copies. \
      For pairs of heads, how strongly the later one reads what the earlier one writes. Reads any \
      format; normalizations and biases are left out.

      Examples:
        sumac repeats heads model/
        sumac repeats heads model.sumac --no-composition
        sumac repeats heads model/ --json
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Flag(
    inversion: .prefixedNo,
    help:
      "Compute the composition of all pairs of heads, which reads each layer once for each later one."
  )
  var composition = true

  @OptionGroup var products: KernelFlags

  @Argument(help: "Model folder, .sumac file or other checkpoint.", completion: .file())
  var model: String

  var inputPaths: [String] { [model] }

  func operation(_ invocation: Invocation) -> any Operation {
    var operation = RepeatsHeadsOperation(model: model, kernels: products.kernels)
    operation.comparesPairs = composition
    return operation
  }
}
