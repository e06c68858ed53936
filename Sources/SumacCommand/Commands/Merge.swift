import ArgumentParser
import Base
import Checkpoints
import Merging
import PackedFormat
import Recipes
import SystemPackage

struct Merge: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    abstract: "Merge models into one: averages, task arithmetic, TIES, DARE, layer stacks.",
    discussion: """
      Tensors are matched by name, of any architecture, read from any format and merged in float32, a \
      block at a time. Recipes of mergekit run as they are; the same can be said by options. What does \
      not fit together is told before the work, all of it at once.

      Methods: \(MergeMethods.all.map { "\($0.name) (\($0.summary))" }.joined(separator: "; ")).

      Examples:
        sumac merge --recipe ties.yaml -o merged/
        sumac merge a/ b/ --method linear --weight a=0.7 --weight b=0.3 -o ab/
        sumac merge a/ b/ --base base/ --method ties --density 50% -o ab.sumac
        sumac merge a/ b/ --base base/ --method task_arithmetic --weight 0.4 -o ab/
        sumac merge a/ --base base/ --method slerp --t 0.3 -o half.safetensors
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Method") var flags: MergeFlags
  @OptionGroup(title: "Output") var writer: WriterFlags
  @OptionGroup(title: "Selection") var selectionFlags: SelectionFlags

  @Argument(
    help: ArgumentHelp("Model folders, .safetensors or .sumac files; none with --recipe."),
    completion: .file())
  var models: [String] = []

  func validate() throws { try writer.requireOutput() }

  func run() throws {
    let recipe = try flags.mergeRecipe(models: models)
    let options = try flags.options(
      selection: selectionFlags.selection(arguments: CommandLine.arguments))
    let merging = try Merging(recipe, models: try checkpoints(of: recipe), options: options)
    let command = OutputCommand(global: global, writer: writer)
    let lineage = merging.lineageOptions
    let planned = try merging.withCard(merging.planned())
    try command.check(
      verb: "merge", options: lineage, inputs: merging.inputs, output: planned,
      errors: merging.errors)
    guard !writer.dryRun else {
      return try command.run(
        verb: "merge", options: lineage, inputs: merging.inputs, output: planned, errors: [],
        notes: merging.notes, carried: [])
    }
    let cancellation = Cancellation()
    SignalWatch.begin(cancellation)
    let engine = try global.engine(
      workerByteCount: merging.workerByteCount, fixedByteCount: merging.fixedByteCount,
      cancellation: cancellation)
    var merged = planned
    do {
      if merging.surveyByteCount > 0 {
        engine.progress.begin(
          tensors: merging.tensors.count, byteCount: merging.surveyByteCount)
      }
      defer { if merging.surveyByteCount > 0 { engine.progress.end() } }
      merged = try merging.withCard(merging.merged(engine: engine))
    }
    try command.run(
      verb: "merge", options: lineage, inputs: merging.inputs, output: merged, errors: [],
      notes: merging.notes, carried: [])
  }

  /// Every model that the recipe names, where it is found.
  private func checkpoints(of recipe: MergeRecipe) throws -> [String: Checkpoint] {
    var models: [String: Checkpoint] = [:]
    var errors: [any UserError] = []
    for name in recipe.models {
      do { models[name] = try checkpoint(name) } catch {
        errors.append(try asUserError(error))
      }
    }
    try SeveralErrors.throwIfAny(errors)
    return models
  }

  /// A model, or `MODEL+ADAPTER`.
  private func checkpoint(_ name: String) throws -> Checkpoint {
    if let path = existing(name) { return try Inputs.read(path, global: global) }
    guard let plus = name.lastIndex(of: "+"), let base = existing(String(name[..<plus])),
      let adapter = existing(String(name[name.index(after: plus)...]))
    else {
      throw FileError("read", name, .noSuchFileOrDirectory)
    }
    let application = VectorApplication(
      base: try Inputs.read(base, global: global),
      vectors: [(try TaskVector(Inputs.read(adapter, global: global)), 1)])
    try SeveralErrors.throwIfAny(application.errors)
    var applied = application.applied()
    applied.lineage = Lineage(
      verb: "vector apply", options: application.lineageOptions,
      versions: Versions.shapingOutput, inputs: application.inputs)
    return applied
  }

  /// A model of a recipe lies where its path leads to from here, or from the recipe.
  private func existing(_ name: String) -> String? {
    if (try? FileSystem.stat(name)) != nil { return name }
    guard let recipe = flags.recipe, !name.hasPrefix("/") else { return nil }
    let beside = FileSystem.parent(of: recipe) + "/" + name
    return (try? FileSystem.stat(beside)) == nil ? nil : beside
  }
}
