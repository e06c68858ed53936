import ArgumentParser
import Operations

struct SparclGradmask: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "gradmask",
    abstract: "Clear all but the largest gradients of masked layers.",
    discussion: """
      Gradients of weights outside of the mask become 0, then those below the percentile of the sparsity \
      over all values of the tensor. Tensors without a mask stay as they are.

      Examples:
        sumac sparcl gradmask g.safetensors --mask mask.safetensors --sparsity 90% -o masked.safetensors
        sumac sparcl gradmask g.safetensors --mask mask.sumac --sparsity 90% --as mask -o kept.sumac
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Option(help: ArgumentHelp("Masks of the weights.", valueName: "file"), completion: .file())
  var mask: String

  @Option(help: ArgumentHelp("Share of the gradients that is cleared.", valueName: "share"))
  var sparsity: ShareArgument

  @Option(name: .customLong("as"), help: "Write all gradients, or masks of those that are left.")
  var result = SparclGradmaskOperation.Result.gradients

  @Argument(help: "Checkpoint with the gradients.", completion: .file())
  var input: String

  func operation(_ invocation: Invocation) -> SparclGradmaskOperation {
    var operation = SparclGradmaskOperation(
      input: input, mask: mask, sparsity: sparsity.share, output: writer.settings)
    operation.result = result
    return operation
  }
}

extension SparclGradmaskOperation.Result: ExpressibleByArgument {}
