import Base
package import Checkpoints
import Codecs
import Containers
import ModelDirectories
import Packing

/// The commands that rebuild a file, as its lineage records them.
package struct Replay: Sendable {
  /// A file that must be there before the commands run.
  package struct Input: Sendable, Equatable {
    package var path: String
    package var id: String
    package var byteCount: Int
    /// The index of the step that made it and cannot be replayed; nil for an input of the lineage.
    package var step: Int?
  }

  /// A command that makes one output.
  package struct Command: Sendable, Equatable {
    /// The words after the name of the program.
    package var words: [String]
    package var path: String
    package var id: String
    package var byteCount: Int?
    /// The files that are written before the command runs.
    var files: [ReplayFile]
  }

  /// A step of the lineage.
  package struct Step: Sendable {
    package var verb: String
    package var versions: [Lineage.Option]
    /// The commands, one for each output; empty if another step computes the output itself.
    package var commands: [Command] = []
    /// The reason why the step cannot be replayed; nil if it can.
    package var gap: String?
    /// True if the lineage does not record whether the streams of a `.sumac` input were copied or compressed again.
    package var mayCompress = false
    /// True if the outputs are only computed inside of another step.
    var isInner = false
  }

  package let checkpoint: Checkpoint
  package private(set) var steps: [Step] = []
  package private(set) var inputs: [Input] = []
  private var paths = ReplayPaths()

  private var lineage: Lineage { checkpoint.lineage }

  /// True if the commands rebuild the file from its earliest inputs.
  package var isComplete: Bool {
    !steps.isEmpty && steps.allSatisfy { $0.gap == nil } && lineage.droppedStepCount == 0
  }

  /// - Parameter checkpoint: A file with the id of its values.
  package init(_ checkpoint: Checkpoint) {
    self.checkpoint = checkpoint
    let lineage = checkpoint.lineage
    guard !lineage.steps.isEmpty else { return }
    let inner = lineage.steps.indices.filter { isInner($0) }
    let outputs = outputs(inner: Set(inner))
    for step in lineage.steps {
      for input in step.inputs where input.step == nil {
        let artifact = ReplayArtifact(step: nil, name: input.name, id: input.id)
        guard paths[artifact] == nil else { continue }
        paths.add(artifact)
        inputs.append(
          Input(path: paths[artifact] ?? input.name, id: input.id, byteCount: input.byteCount))
      }
    }
    // The file itself keeps its name if no input has it.
    paths.add(file)
    for output in outputs.joined() { paths.add(output.artifact) }
    for (index, step) in lineage.steps.enumerated() {
      var made = Step(verb: step.verb, versions: step.versions)
      made.isInner = inner.contains(index)
      made.mayCompress = mayCompress(step)
      if !made.isInner {
        do {
          made.commands = try outputs[index].map { output throws(ReplayGap) in
            try command(index, output)
          }
        } catch {
          made.gap = error.reason
          inputs += outputs[index].filter { $0.artifact != file }.map { output in
            Input(
              path: paths[output.artifact] ?? output.artifact.name, id: output.artifact.id,
              byteCount: output.byteCount, step: index)
          }
        }
      }
      steps.append(made)
    }
  }

  private typealias Output = (artifact: ReplayArtifact, byteCount: Int)

  /// Returns the outputs of each step under the names by which later steps know them, and the file itself.
  private func outputs(inner: Set<Int>) -> [[Output]] {
    var result = [[Output]](repeating: [], count: lineage.steps.count)
    func add(_ artifact: ReplayArtifact, _ byteCount: Int) {
      guard let step = artifact.step, !inner.contains(step),
        !result[step].contains(where: { $0.artifact == artifact })
      else { return }
      result[step].append((artifact, byteCount))
    }
    for input in lineage.steps.flatMap(\.inputs) {
      add(ReplayArtifact(step: input.step, name: input.name, id: input.id), input.byteCount)
    }
    add(file, checkpoint.identity.byteCount)
    return result
  }

  /// The file itself, as an output of the last step. An archive holds the folder that was written.
  private var file: ReplayArtifact {
    var name = FileSystem.ownName(of: checkpoint.path)
    if checkpoint.container == .archive {
      name = String(name.prefix { $0 != "." })
    } else if checkpoint.path == OperationContext.standardInputName {
      name =
        "output" + (Containers.registry.output(named: checkpoint.container.rawValue)?.suffix ?? "")
    }
    return ReplayArtifact(
      step: lineage.steps.count - 1, name: name, id: checkpoint.identity.id)
  }

  // MARK: Commands

  private func command(_ index: Int, _ output: Output) throws(ReplayGap) -> Command {
    let step = lineage.steps[index]
    let verb = try ReplayVerb.of(step)
    let inputs = step.inputs.map { input in
      let artifact = ReplayArtifact(step: input.step, name: input.name, id: input.id)
      return paths[artifact] ?? input.name
    }
    var (words, files) = try verb.command(step, inputs: inputs, number: index + 1)
    if step.verb == MergeOperation.verb {
      let recipe = try recipe(index, inputs: inputs)
      files.insert(recipe, at: 0)
      words += ["--recipe", recipe.path]
    }
    let path = paths[output.artifact] ?? output.artifact.name
    if step.verb == "prune mask" {
      // The masks are written beside a pruned model, which is not part of this lineage.
      words += ["-o", "pruned-\(index + 1).sumac", "--save-mask", path]
    } else {
      words += try ["-o", path] + format(step, output.artifact, path)
    }
    return Command(
      words: words, path: path, id: output.artifact.id, byteCount: output.byteCount, files: files)
  }

  /// Returns the words that choose the format of an output, if its name chooses another.
  private func format(
    _ step: Lineage.Step, _ artifact: ReplayArtifact, _ path: String
  ) throws(ReplayGap) -> [String] {
    let isPacked = step.options.contains { $0.name == "compress" }
    let isSharded = step.options.contains { $0.name == "shard-size" }
    let named = try? Containers.output(forPath: path)
    let wanted: ContainerName
    if artifact == file, checkpoint.container != .archive {
      wanted = checkpoint.container
    } else if isPacked {
      wanted = artifact.id.hasPrefix("sha256:") ? .sumac : .sumacShards
    } else if isSharded {
      wanted = .directory
    } else if let named, named.name != .sumac {
      wanted = named.name
    } else {
      throw ReplayGap("the lineage does not record the format of \(artifact.name.printable)")
    }
    guard named?.name != wanted else { return [] }
    guard Containers.registry.output(named: wanted.rawValue) != nil else {
      throw ReplayGap("this version does not write \(wanted.rawValue)")
    }
    return ["--to", wanted.rawValue]
  }

  /// True if a step may have compressed streams of an input again that were not compressed like this.
  private func mayCompress(_ step: Lineage.Step) -> Bool {
    let fast = Lineage.Option("compress", Compression.fast.rawValue)
    guard step.options.contains(fast) else { return false }
    return step.inputs.contains { input in
      guard input.id.hasPrefix("sha256:") else { return false }
      return input.step.map { !lineage.steps[$0].options.contains(fast) } ?? true
    }
  }

  // MARK: Merges

  /// True if the output of a step was only computed, by a merge that needs it: a model of a recipe, or one with an adapter.
  private func isInner(_ index: Int) -> Bool {
    let step = lineage.steps[index]
    let uses = lineage.steps.flatMap { user in
      user.inputs.filter { $0.step == index }.map { (user, $0) }
    }
    guard index < lineage.steps.count - 1, !uses.isEmpty,
      uses.allSatisfy({ $0.0.verb == MergeOperation.verb })
    else { return false }
    if step.verb == VectorApplyOperation.verb {
      return uses.allSatisfy { $0.1.name.contains("+") }
    }
    guard step.verb == MergeOperation.verb else { return false }
    let own = lineage.endingWith(index)
    return uses.allSatisfy { $0.1.id == InputIdentity(of: own, byteCount: 0).id }
  }

  /// Returns the recipe of a merge, after those of the models that it computes.
  private func recipe(_ index: Int, inputs: [String]) throws(ReplayGap) -> ReplayFile {
    let step = lineage.steps[index]
    var documents: [String] = []
    for input in step.inputs {
      guard let origin = input.step, isInner(origin),
        lineage.steps[origin].verb == MergeOperation.verb
      else { continue }
      let inner = lineage.steps[origin]
      documents += try recipe(origin, inputs: inner.inputs.map(\.name)).lines
      // The recipe is an object in JSON, whose first member becomes the name.
      let name = JSONValue.string(input.name).serialized()
      if let last = documents.popLast() {
        documents.append("{\"name\":\(name)," + last.dropFirst())
      }
      documents.append("---")
    }
    guard let recipe = step.options.first(where: { $0.name == "recipe" })?.value,
      recipe.hasPrefix("{"), !recipe.utf8.contains(UInt8(ascii: "\n"))
    else { throw ReplayGap("the lineage does not record the recipe") }
    for (input, path) in zip(step.inputs, inputs) where path != input.name {
      throw ReplayGap("several inputs are named \(input.name.printable), as the recipe names them")
    }
    return ReplayFile(path: "recipe-\(index + 1).yaml", lines: documents + [recipe])
  }
}

extension Lineage {
  /// Returns the lineage of the output of a step: the step and those that led to it.
  fileprivate func endingWith(_ index: Int) -> Lineage {
    var needed: Set<Int> = [index]
    for step in (0...index).reversed() where needed.contains(step) {
      needed.formUnion(steps[step].inputs.compactMap(\.step))
    }
    let kept = needed.sorted()
    let numbers = Dictionary(uniqueKeysWithValues: kept.enumerated().map { ($1, $0) })
    return Lineage(
      steps: kept.map { old in
        var step = steps[old]
        for input in step.inputs.indices {
          step.inputs[input].step = step.inputs[input].step.flatMap { numbers[$0] }
        }
        return step
      }, droppedStepCount: droppedStepCount)
  }
}
