import ArgumentParser
import Operations

struct VectorNegate: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "negate",
    abstract: "Negate a task vector, so that applying it unlearns the task.",
    discussion: """
      Examples:
        sumac vector negate toxic.sumac -o unlearn.sumac
        sumac vector apply unlearn.sumac --base base/ -o model/ --scale 0.5
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Argument(
    help: ArgumentHelp("Task vector or LoRA adapter folder."), completion: .file())
  var vector: String

  func operation(_ invocation: Invocation) -> VectorNegateOperation {
    VectorNegateOperation(vector: vector, output: writer.settings)
  }
}
