import ArgumentParser
import Operations

struct VectorExtract: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "extract",
    abstract: "Extract the task vector of a fine-tuned model.",
    discussion: """
      Without options, stores all differences in the base's dtype. With --exact, the vector restores the \
      fine-tuned model bit for bit. --density, --rank, --type and a smaller --dtype lose a part of the \
      differences. With --rank and a folder as the output, writes a LoRA adapter for PEFT.

      Examples:
        sumac vector extract tuned/ --base base/ -o tuned.sumac --density 10%
        sumac vector extract tuned/ --base base/ -o tuned.sumac --rank 16
        sumac vector extract tuned/ --base base/ -o adapter/ --rank 16
        sumac vector extract tuned/ --base base/ -o exact.sumac --exact
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Form") var formFlags: VectorFormFlags
  @OptionGroup(title: "Output") var writer: WriterFlags
  @OptionGroup(title: "Selection") var selectionFlags: SelectionFlags

  @Option(
    help: ArgumentHelp("Model that it was fine-tuned from.", valueName: "model"),
    completion: .file())
  var base: String

  @Flag(help: "Store the changed values, so that apply restores the fine-tuned model bit for bit.")
  var exact = false

  @Option(help: "Dtype of the differences. (default: that of the base)")
  var dtype: FloatType?

  @Argument(
    help: ArgumentHelp("Fine-tuned model."), completion: .file())
  var tuned: String

  func operation(_ invocation: Invocation) -> VectorExtractOperation {
    var operation = VectorExtractOperation(tuned: tuned, base: base, output: writer.settings)
    operation.form = formFlags.settings
    operation.isExact = exact
    operation.dtype = dtype
    operation.selection = selectionFlags.settings(invocation)
    return operation
  }
}
