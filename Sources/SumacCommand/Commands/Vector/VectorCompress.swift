import ArgumentParser
import Operations

struct VectorCompress: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "compress",
    abstract: "Compress a task vector: sparse, low-rank or quantized.",
    discussion: """
      Examples:
        sumac vector compress tuned.sumac -o small.sumac --density 5%
        sumac vector compress both.sumac -o one.sumac --rank 32
        sumac vector compress tuned.sumac -o small.sumac --type int4:g64 --density 1%
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Form") var formFlags: VectorFormFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Argument(
    help: ArgumentHelp("Task vector or LoRA adapter folder."), completion: .file())
  var vector: String

  func operation(_ invocation: Invocation) -> VectorCompressOperation {
    var operation = VectorCompressOperation(vector: vector, output: writer.settings)
    operation.form = formFlags.settings
    return operation
  }
}
