import Base

/// The steps that led to a file, oldest first; the last step created the file.
///
/// It contains everything that shapes the result and nothing else: no paths, times, threads or memory.
package struct Lineage: Equatable, Sendable {
  package static let metadataKey = "sumac.lineage"
  package static let schema = "sumac.lineage/1"
  /// The maximum length of the JSON document; older steps are dropped to stay below it.
  package static let maximumByteCount = 1 << 20

  /// A named value that shaped a step, such as an option or a version.
  package struct Option: Hashable, Sendable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }

    /// Creates the option for a file or a tensor in it, `PATH` or `PATH:NAME`. Its value has the base name of the file, so
    /// that it is the same wherever the work is done.
    package init(_ name: String, file text: String) {
      let place = try? TensorPath(text)
      self.init(
        name,
        FileSystem.ownName(of: place?.path ?? text) + (place?.name.map { ":" + $0 } ?? ""))
    }
  }

  /// An input of a step.
  package struct Input: Hashable, Sendable {
    package var name: String
    /// The ``InputIdentity/id`` of the input.
    package var id: String
    package var byteCount: Int
    /// The index of the step that created it.
    package var step: Int?

    package init(name: String, id: String, byteCount: Int, step: Int?) {
      self.name = name
      self.id = id
      self.byteCount = byteCount
      self.step = step
    }
  }

  /// One step: a command with its options, versions and inputs.
  package struct Step: Hashable, Sendable {
    package var verb: String
    package var options: [Option]
    package var versions: [Option]
    package var inputs: [Input]
    /// The loss of the step's output in relation to its inputs; nil if it has none, or if it was not measured.
    package var loss: ModelLoss?

    package init(verb: String, options: [Option], versions: [Option], inputs: [Input]) {
      self.verb = verb
      self.options = options
      self.versions = versions
      self.inputs = inputs
    }
  }

  package var steps: [Step]
  /// The number of older steps that were dropped because of their size.
  package var droppedStepCount: Int

  package init(steps: [Step] = [], droppedStepCount: Int = 0) {
    self.steps = steps
    self.droppedStepCount = droppedStepCount
  }

  /// Creates the lineage of an output of `verb`: the steps of `inputs`, each once, and the new step.
  package init(
    verb: String, options: [Option], versions: [Option], inputs: [Checkpoint]
  ) {
    self.init()
    var new: [Input] = []
    var indices: [Step: Int] = [:]
    for checkpoint in inputs {
      droppedStepCount = max(droppedStepCount, checkpoint.lineage.droppedStepCount)
      new.append(
        Input(
          name: FileSystem.ownName(of: checkpoint.path), id: checkpoint.identity.id,
          byteCount: checkpoint.identity.byteCount, step: append(checkpoint.lineage.steps, &indices)
        ))
    }
    steps.append(Step(verb: verb, options: options, versions: versions, inputs: new))
  }

  /// Adds the steps that are missing; returns the index of the last one.
  /// - Parameter indices: The index of each step in the lineage.
  private mutating func append(_ others: [Step], _ indices: inout [Step: Int]) -> Int? {
    var found: [Int] = []
    for var step in others {
      for index in step.inputs.indices {
        step.inputs[index].step = step.inputs[index].step.map { found[$0] }
      }
      if let index = indices[step] {
        found.append(index)
      } else {
        indices[step] = steps.count
        found.append(steps.count)
        steps.append(step)
      }
    }
    return found.last
  }

  /// Returns the lineage without its oldest steps.
  private func dropping(_ count: Int) -> Lineage {
    var result = Lineage(
      steps: Array(steps.dropFirst(count)), droppedStepCount: droppedStepCount + count)
    for step in result.steps.indices {
      for input in result.steps[step].inputs.indices {
        let origin = result.steps[step].inputs[input].step
        result.steps[step].inputs[input].step = origin.flatMap { $0 < count ? nil : $0 - count }
      }
    }
    return result
  }

  /// Returns the lineage with the loss of its last step.
  package func recording(_ loss: ModelLoss?) -> Lineage {
    var result = self
    if let last = steps.indices.last { result.steps[last].loss = loss }
    return result
  }

  /// Returns the JSON document; the oldest steps are dropped if it would exceed the limit.
  package func json() throws -> String { try json(keeping: keptStepCount()) }

  /// Returns the JSON document of the last `count` steps.
  package func json(keeping count: Int) -> String {
    dropping(steps.count - count).document.serialized()
  }

  /// Returns the number of steps that the JSON document has room for.
  package func keptStepCount() throws -> Int {
    // The rest of the document is a schema, a count and brackets.
    var room = Self.maximumByteCount - 256
    var kept = 0
    for step in steps.reversed() {
      room -= JSONValue.object(step.json).serialized().utf8.count + 1
      guard room >= 0 else { break }
      kept += 1
    }
    guard kept > 0 || steps.isEmpty else {
      throw UsageError(
        "the lineage of this step alone exceeds 1 MiB",
        hint: "pass \(setting: "no-lineage")")
    }
    return kept
  }
}
