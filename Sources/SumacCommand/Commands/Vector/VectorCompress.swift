import ArgumentParser
import Base
import Checkpoints
import Codecs
import Merging
import PackedFormat

struct VectorCompress: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    commandName: "compress",
    abstract: "Store a task vector in fewer bytes: sparse, of low rank, or quantized.",
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
    help: ArgumentHelp("A task vector, or the folder of a LoRA adapter."), completion: .file())
  var vector: String

  func validate() throws { try writer.requireOutput() }

  func run() throws {
    let checkpoint = try Inputs.read(vector, global: global)
    let compression = VectorCompression(
      vector: try TaskVector(checkpoint), form: try formFlags.form())
    var errors = compression.errors
    if try !writer.container.holdsTerms {
      errors.append(
        UsageError(
          "only .sumac files hold terms, and \(writer.output.printable) is none",
          hint: "write a .sumac file"))
    }
    try OutputCommand(global: global, writer: writer).run(
      verb: "vector compress", options: compression.lineageOptions, inputs: [checkpoint],
      output: errors.isEmpty ? compression.compressed() : checkpoint, errors: errors)
  }
}
