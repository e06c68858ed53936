import ArgumentParser
import Operations

struct VectorExtract: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "extract",
    abstract: "Take what a fine-tune adds to its base.",
    discussion: """
      Without options all differences are stored, in the base's dtype. With --exact the file restores the \
      fine-tune bit for bit. With --rank and a folder for the output it is a LoRA adapter of PEFT.

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
    help: ArgumentHelp("The model that it was tuned from.", valueName: "model"),
    completion: .file())
  var base: String

  @Flag(help: "Store the values that changed, so that apply restores the fine-tune bit for bit.")
  var exact = false

  @Option(help: "Dtype of differences, f32, f16 or bf16; that of the base if not given.")
  var dtype: FloatType?

  @Argument(
    help: ArgumentHelp("The fine-tuned model."), completion: .file())
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
