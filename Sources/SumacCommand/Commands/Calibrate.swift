import ArgumentParser
import Operations

struct Calibrate: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "calibrate",
    abstract: "Measure the inputs of the linear layers of a language model on some text.",
    discussion: """
      Runs the network block by block and writes, for each linear layer under the name of its weight, the \
      norm of each input over all tokens, as prune --by wanda --norms reads it, and beside it sums, sums \
      of squares and largest magnitudes.

      Examples:
        sumac calibrate model/ --data calibration.txt -o norms.safetensors
        sumac prune model/ --by wanda --norms norms.safetensors --amount 50% -o half.sumac
        sumac convert model/ --target-bpw 4 --calibration norms.safetensors -o small.sumac
        sumac calibrate model/ --data calibration.txt --sequential 50% -o norms.safetensors
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Text") var text: EvaluationFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Option(
    help: ArgumentHelp(
      "Write the products X^T X of the inputs of layers whose weights match the pattern. Can be repeated.",
      valueName: "glob"))
  var products: [String] = []

  @Option(
    help: ArgumentHelp(
      "Change each block after it was measured, before the next is: prune a share such as 50% or keep a "
        + "pattern such as 2:4 by wanda, or take the block of this model.", valueName: "step"),
    completion: .file())
  var sequential: String?

  @Argument(help: "Model folder, .sumac file or other checkpoint.", completion: .file())
  var model: String

  func operation(_ invocation: Invocation) -> CalibrateOperation {
    var operation = CalibrateOperation(
      model: model, settings: text.settings, output: writer.settings)
    operation.products = products
    operation.sequential = sequential
    return operation
  }
}
