import ArgumentParser
import Operations

struct Convert: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Convert a checkpoint to another format or dtype.",
    discussion: """
      Reads a safetensors file, a .sumac file or a Hugging Face model folder. The format of the output \
      follows from its name: NAME.safetensors, NAME.sumac, or a name without a suffix for a model \
      folder. The conversion is lossless, except with these options: --dtype f16 and bf16 round values, \
      --type, --terms, --target-bpw and --target-size quantize weights, --drop omits tensors. --sweep measures \
      size and error of all types, to choose one, and writes no model.

      Examples:
        sumac convert model/ -o model.sumac
        sumac convert model.sumac -o model/ --shard-size 2GB
        sumac convert model.safetensors -o half.safetensors --dtype bf16
        sumac convert big/ -o small.sumac --compress small --dry-run
        sumac convert model/ -o model-int4.sumac --type int4:g64
        sumac convert pruned.safetensors -o pruned.sumac --sparse auto
        sumac convert model/ -o sum.sumac --terms dense:int4:g64+lowrank:8+sparse:1%
        sumac convert model/ --sweep -o types.html
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Output") var writer: WriterFlags
  @OptionGroup(title: "Storage in .sumac") var storageFlags: StorageFlags
  @OptionGroup(title: "Selection") var selectionFlags: SelectionFlags
  @OptionGroup(title: "Evaluation") var evaluationFlags: OutputEvaluationFlags

  @Option(help: "Convert F16, BF16, F32, F64 and F8 without scales to this dtype.")
  var dtype: FloatType?

  @Flag(help: "With --dtype: clamp values that are out of range instead of writing infinity.")
  var saturate = false

  @Option(
    help: ArgumentHelp(
      "Omit tensors whose name matches the pattern. Can be repeated.", valueName: "glob"))
  var drop: [String] = []

  @Option(
    help: ArgumentHelp(
      "Copy the tensors and files of this .sumac file first, unchanged, then add the input.",
      valueName: "file"), completion: .file(extensions: ["sumac"]))
  var appendTo: String?

  @Option(
    defaultAsFlag: SweepTypes.all, parsing: .next,
    help: ArgumentHelp(
      "Measure size and error of these types or terms, and with --evaluate the predictions, instead of "
        + "writing a model. -o writes a plot (.svg), a page (.html) or the report (.json, .csv).",
      valueName: "types"))
  var sweep: SweepTypes?

  @Argument(
    help: ArgumentHelp("A .safetensors or .sumac file, shard index, or model folder."),
    completion: .file())
  var input: String

  func validate() throws {
    guard sweep != nil else { return try writer.requireOutput() }
    try writer.checkSweep(measuresSizes: true)
  }

  func run(_ invocation: Invocation) throws {
    guard let sweep else { return try invocation.run(writer) { operation(invocation) } }
    try invocation.runSweep(writer) {
      var operation = ConvertSweepOperation(operation(invocation))
      operation.conversion.output.path = ""
      operation.types = sweep.types
      operation.output = writer.sweepOutput
      return operation
    }
  }

  func operation(_ invocation: Invocation) -> ConvertOperation {
    var operation = ConvertOperation(input: input, output: writer.settings)
    operation.dtype = dtype
    operation.isSaturating = saturate
    operation.drop = drop
    operation.appendTo = appendTo
    operation.storage = storageFlags.settings
    operation.selection = selectionFlags.settings(invocation)
    operation.evaluation = evaluationFlags.settings
    return operation
  }
}
