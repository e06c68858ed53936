import ArgumentParser
import Operations

struct SparclFlops: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "flops",
    abstract: "Estimate the products of a sparse training step.",
    discussion: """
      A step is a forward pass and the gradients of inputs and weights. In sparse layers these are scaled \
      by 1 - s, 1 - s and 1 - g; normalizations, activations and updates are not counted. It is an \
      estimate of products, not of time.

      Examples:
        sumac sparcl flops resnet18:3x32x32,64,10 --sparsity 90% --gradient-sparsity 90%
        sumac sparcl flops start.sumac --sparsity 75% --gradient-sparsity 80% --epochs 50 --remove 30%:20
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(help: ArgumentHelp("Share s of the weights of a layer that is 0.", valueName: "share"))
  var sparsity: ShareArgument

  @Option(
    help: ArgumentHelp("Share g of the gradients of a layer that is cleared.", valueName: "share"))
  var gradientSparsity: ShareArgument

  @Option(
    help: ArgumentHelp("Epochs of a task, with --remove. (default: 50)", valueName: "n"))
  var epochs: Int?

  @Option(
    help: ArgumentHelp(
      "Epochs from one removal to the next, with --remove. (default: 5)", valueName: "n"))
  var maskEvery: Int?

  @Option(
    help: ArgumentHelp(
      "Share of the examples that leaves in equal rounds up to an epoch, such as 30%:20.",
      valueName: "share:epoch"))
  var remove: String?

  @Option(
    help: ArgumentHelp(
      "Prune layers whose weights match the pattern; can be repeated.", valueName: "glob"))
  var layers: [String] = []

  @Argument(
    help: "Classifier, or the sizes of one, such as resnet18:3x32x32,64,10.", completion: .file())
  var model: String

  var inputPaths: [String] { [model] }

  func operation(_ invocation: Invocation) -> any Operation {
    var operation = SparclFlopsOperation(
      model: model, sparsity: sparsity.share, gradientSparsity: gradientSparsity.share)
    (operation.layers, operation.removal) = (layers, remove)
    (operation.epochs, operation.maskInterval) = (epochs, maskEvery)
    return operation
  }
}
