import ArgumentParser
import Operations

struct VectorApply: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Add task vectors or LoRA adapters to a model.",
    discussion: """
      Vectors are added in order, each multiplied by its scale. In .sumac files their terms are stored \
      unchanged next to those of the base; in other formats values are added in float32 and rounded once.

      Examples:
        sumac vector apply tuned.sumac --base base/ -o model/
        sumac vector apply a.sumac b.sumac --base base.sumac -o ab.sumac --scale 0.4
        sumac vector apply adapter/ --base base/ -o model/ --scale adapter=0.8
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Scale") var scaleFlags: ScaleFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Option(
    help: ArgumentHelp("Model to add the vectors to.", valueName: "model"),
    completion: .file())
  var base: String

  @Argument(
    help: ArgumentHelp("Task vectors or LoRA adapter folders."), completion: .file())
  var vectors: [String]

  func operation(_ invocation: Invocation) -> VectorApplyOperation {
    var operation = VectorApplyOperation(vectors: vectors, base: base, output: writer.settings)
    operation.scales = scaleFlags.scale
    return operation
  }
}
