import ArgumentParser
import Operations

struct VectorAdd: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract: "Add task vectors, each multiplied by its scale.",
    discussion: """
      Examples:
        sumac vector add a.sumac b.sumac -o both.sumac
        sumac vector add a.sumac b.sumac -o both.sumac --scale a=0.6 --scale b=0.4
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Scale") var scaleFlags: ScaleFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Argument(
    help: ArgumentHelp("Task vectors or LoRA adapter folders."), completion: .file())
  var vectors: [String]

  func operation(_ invocation: Invocation) -> VectorAddOperation {
    var operation = VectorAddOperation(vectors: vectors, output: writer.settings)
    operation.scales = scaleFlags.scale
    return operation
  }
}
