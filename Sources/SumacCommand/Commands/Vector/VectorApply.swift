import ArgumentParser
import Base
import Checkpoints
import Merging

struct VectorApply: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Add task vectors or LoRA adapters to a model.",
    discussion: """
      Vectors are added in order, each times its scale. In .sumac their terms stand beside those of the \
      base as they are; in other formats values are added in float32 and rounded once.

      Examples:
        sumac vector apply tuned.sumac --base base/ -o model/
        sumac vector apply a.sumac b.sumac --base base.sumac -o ab.sumac --scale 0.4
        sumac vector apply adapter/ --base base/ -o model/ --scale adapter=0.8
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Scale") var scaleFlags: ScaleFlags
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Option(
    help: ArgumentHelp("The model that vectors are added to.", valueName: "model"),
    completion: .file())
  var base: String

  @Argument(
    help: ArgumentHelp("Task vectors, or folders of LoRA adapters."), completion: .file())
  var vectors: [String]

  func validate() throws { try writer.requireOutput() }

  func run() throws {
    let base = try Inputs.read(base, global: global)
    let application = VectorApplication(
      base: base,
      vectors: try scaleFlags.vectors(vectors.map { try Inputs.read($0, global: global) }))
    let errors = application.errors
    let output = errors.isEmpty ? application.applied() : base
    let command = OutputCommand(global: global, writer: writer)
    if application.surveyByteCount > 0, errors.isEmpty, !writer.dryRun {
      try command.check(
        verb: "vector apply", options: application.lineageOptions, inputs: application.inputs,
        output: output, errors: [])
      let cancellation = Cancellation()
      SignalWatch.begin(cancellation)
      let engine = try global.engine(
        workerByteCount: Engine.workspaceByteCount(of: output.tensors, extra: { _ in 0 }),
        cancellation: cancellation)
      engine.progress.begin(tensors: 0, byteCount: application.surveyByteCount)
      defer { engine.progress.end() }
      try application.check(output, engine: engine)
    }
    try command.run(
      verb: "vector apply", options: application.lineageOptions, inputs: application.inputs,
      output: output, errors: errors, carried: [base])
  }
}
