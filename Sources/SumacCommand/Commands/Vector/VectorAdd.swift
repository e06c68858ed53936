import ArgumentParser
import Base
import Checkpoints
import Merging

struct VectorAdd: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract: "Add task vectors, each times its scale, to one vector.",
    discussion: """
      Examples:
        sumac vector add a.sumac b.sumac -o both.sumac
        sumac vector add a.sumac b.sumac -o both.sumac --scale a=0.6 --scale b=0.4
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Scale") var scaleFlags: ScaleFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Argument(
    help: ArgumentHelp("Task vectors, or folders of LoRA adapters."), completion: .file())
  var vectors: [String]

  func validate() throws { try writer.requireOutput() }

  func run() throws {
    let checkpoints = try vectors.map { try Inputs.read($0, global: global) }
    try VectorSum.write(
      try scaleFlags.vectors(checkpoints), verb: "vector add",
      OutputCommand(global: global, writer: writer))
  }
}

extension VectorSum {
  /// Writes the sum of vectors.
  static func write(
    _ vectors: [(vector: TaskVector, scale: Double)], verb: String, _ command: OutputCommand
  ) throws {
    let sum = VectorSum(vectors: vectors)
    let errors = sum.errors
    try command.run(
      verb: verb, options: sum.lineageOptions, inputs: sum.inputs,
      output: errors.isEmpty ? sum.summed() : vectors[0].vector.checkpoint, errors: errors)
  }
}
