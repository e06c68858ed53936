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
        sumac prune model/ --by wanda --norms norms.safetensors --amount 50% --scope layer -o half.sumac
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Text") var text: EvaluationFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Argument(help: "Model folder, .sumac file or other checkpoint.", completion: .file())
  var model: String

  func operation(_ invocation: Invocation) -> CalibrateOperation {
    CalibrateOperation(
      model: model, settings: text.settings, output: writer.settings)
  }
}
