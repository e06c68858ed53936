import ArgumentParser
import Operations
import SparCL

struct SparclMask: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "mask",
    abstract: "Make masks of the important weights of each layer.",
    discussion: """
      The importance of a weight is |w| + alpha |gradient of the task| + beta |gradient on the buffer|. \
      Weights above the percentile of the sparsity, over all values of a tensor, are kept.

      Examples:
        sumac sparcl mask model.safetensors --sparsity 90% -o mask.safetensors
        sumac sparcl mask model.safetensors --gradient g.safetensors --profile 90.yaml -o mask.sumac
        sumac sparcl mask model.safetensors --sparsity 90% --as weights -o sparse.sumac
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Selection") var selection: SelectionFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Option(help: ArgumentHelp("Share of the weights that is dropped.", valueName: "share"))
  var sparsity: ShareArgument?

  @Option(
    help: ArgumentHelp(
      "YAML file with prune_ratios: a share for each layer.", valueName: "file"),
    completion: .file())
  var profile: String?

  @Option(
    help: ArgumentHelp("Gradients of the current task.", valueName: "file"), completion: .file())
  var gradient: String?

  @Option(
    help: ArgumentHelp("Factor of the gradients of the task. (default: 0.5)", valueName: "x"))
  var alpha: Double?

  @Option(
    help: ArgumentHelp("Gradients on stored examples.", valueName: "file"), completion: .file())
  var bufferGradient: String?

  @Option(
    help: ArgumentHelp("Factor of the gradients on stored examples. (default: 1)", valueName: "x"))
  var beta: Double?

  @Option(help: "irregular ranks each weight, filter the norms of the weights of outputs.")
  var by = WeightMask.Grouping.irregular

  @Option(
    name: .customLong("as"),
    help: "Write masks, the scores of the weights, or the whole checkpoint with pruned weights.")
  var result = SparclMaskOperation.Result.mask

  @Argument(help: "Checkpoint with the weights.", completion: .file())
  var input: String

  func operation(_ invocation: Invocation) -> SparclMaskOperation {
    var operation = SparclMaskOperation(input: input, output: writer.settings)
    (operation.gradient, operation.bufferGradient) = (gradient, bufferGradient)
    (operation.alpha, operation.beta) = (alpha, beta)
    (operation.sparsity, operation.profile) = (sparsity?.share, profile)
    (operation.grouping, operation.result) = (by, result)
    operation.selection = selection.settings(invocation)
    return operation
  }
}

extension WeightMask.Grouping: ExpressibleByArgument {}
extension SparclMaskOperation.Result: ExpressibleByArgument {}
