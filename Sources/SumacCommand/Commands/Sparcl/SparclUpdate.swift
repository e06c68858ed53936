import ArgumentParser
import Operations

struct SparclUpdate: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "update",
    abstract: "Exchange weights: prune to one sparsity, grow to another.",
    discussion: """
      Layers are pruned by importance to --lower, then random places with weight 0 are added until --upper \
      is reached; they start at 0. Equal sparsities add none, --upper 0 adds all. The output has the \
      pruned weights, --save-mask the new masks.

      Examples:
        sumac sparcl update model.safetensors --mask old.safetensors --gradient g.safetensors \
      --lower 76% --upper 75% --save-mask new.safetensors -o next.safetensors
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Selection") var selection: SelectionFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Option(
    help: ArgumentHelp("Masks until now, which also select the layers.", valueName: "file"),
    completion: .file())
  var mask: String?

  @Option(
    help: ArgumentHelp("Gradients for the importance.", valueName: "file"), completion: .file())
  var gradient: String?

  @Option(
    help: ArgumentHelp(
      "Factor of the gradients in the importance. (default: 0.5)", valueName: "x"))
  var alpha: Double?

  @Option(help: ArgumentHelp("Sparsity to prune to.", valueName: "share"))
  var lower: ShareArgument

  @Option(help: ArgumentHelp("Sparsity to grow to.", valueName: "share"))
  var upper: ShareArgument

  @Option(help: ArgumentHelp("Seed of the random places. (default: 0)", valueName: "n"))
  var seed: UInt64?

  @Option(
    help: ArgumentHelp(
      "Number of the update, for other random places. (default: 0)", valueName: "n"))
  var number: Int?

  @Option(
    help: ArgumentHelp(
      "Places to add, under the names of the layers, in place of random ones.", valueName: "file"),
    completion: .file())
  var draws: String?

  @Option(help: ArgumentHelp("File for the new masks.", valueName: "file"), completion: .file())
  var saveMask: String

  @Argument(help: "Checkpoint with the weights.", completion: .file())
  var input: String

  func operation(_ invocation: Invocation) -> SparclUpdateOperation {
    var operation = SparclUpdateOperation(
      input: input, lower: lower.share, upper: upper.share, maskOutput: saveMask,
      output: writer.settings)
    (operation.mask, operation.gradient, operation.alpha) = (mask, gradient, alpha)
    (operation.seed, operation.number, operation.draws) = (seed, number, draws)
    operation.selection = selection.settings(invocation)
    return operation
  }
}
