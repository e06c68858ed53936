import ArgumentParser
import Base
import Checkpoints
import Merging

struct VectorNegate: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    commandName: "negate",
    abstract: "Turn a task vector around, so that applying it unlearns the task.",
    discussion: """
      Examples:
        sumac vector negate toxic.sumac -o unlearn.sumac
        sumac vector apply unlearn.sumac --base base/ -o model/ --scale 0.5
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Argument(
    help: ArgumentHelp("A task vector, or the folder of a LoRA adapter."), completion: .file())
  var vector: String

  func validate() throws { try writer.requireOutput() }

  func run() throws {
    let vector = try TaskVector(try Inputs.read(vector, global: global))
    try VectorSum.write(
      [(vector, -1)], verb: "vector negate", OutputCommand(global: global, writer: writer))
  }
}
