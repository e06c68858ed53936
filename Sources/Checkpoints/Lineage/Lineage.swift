import TensorCore

/// How a file came to be: the steps that led to it, oldest first, the last having made it.
///
/// It holds what shapes the result and nothing else: no paths, times, threads or memory.
package struct Lineage: Equatable, Sendable {
  package static let metadataKey = "sumac.lineage"
  package static let schema = "sumac.lineage/1"
  /// Older steps are dropped to stay below this.
  package static let maximumByteCount = 1 << 20

  package struct Option: Equatable, Sendable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  package struct Input: Equatable, Sendable {
    package var name: String
    /// `sha256:` and the digits of the input's identity.
    package var id: String
    package var byteCount: Int
    /// The place of the step that made it.
    package var step: Int?
  }

  package struct Step: Equatable, Sendable {
    package var verb: String
    package var options: [Option]
    package var versions: [Option]
    package var inputs: [Input]

    package init(verb: String, options: [Option], versions: [Option], inputs: [Input]) {
      self.verb = verb
      self.options = options
      self.versions = versions
      self.inputs = inputs
    }
  }

  package var steps: [Step]
  /// How many older steps were left out for their size.
  package var droppedStepCount: Int

  package init(steps: [Step] = [], droppedStepCount: Int = 0) {
    self.steps = steps
    self.droppedStepCount = droppedStepCount
  }

  /// The lineage of what `verb` makes of `inputs`: theirs, each step once, and the new step.
  package init(
    verb: String, options: [Option], versions: [Option], inputs: [Checkpoint]
  ) {
    self.init()
    var new: [Input] = []
    for checkpoint in inputs {
      droppedStepCount = max(droppedStepCount, checkpoint.lineage.droppedStepCount)
      new.append(
        Input(
          name: FileSystem.baseName(of: checkpoint.path), id: "sha256:" + checkpoint.identity.hash,
          byteCount: checkpoint.identity.byteCount, step: append(checkpoint.lineage.steps)))
    }
    steps.append(Step(verb: verb, options: options, versions: versions, inputs: new))
  }

  /// Adds steps that are not here yet; returns the place of the last one.
  private mutating func append(_ others: [Step]) -> Int? {
    var places: [Int] = []
    for var step in others {
      for index in step.inputs.indices {
        step.inputs[index].step = step.inputs[index].step.map { places[$0] }
      }
      if let place = steps.firstIndex(of: step) {
        places.append(place)
      } else {
        places.append(steps.count)
        steps.append(step)
      }
    }
    return places.last
  }

  /// The lineage without its oldest step.
  private var shortened: Lineage {
    var result = self
    result.steps.removeFirst()
    result.droppedStepCount += 1
    for step in result.steps.indices {
      for input in result.steps[step].inputs.indices {
        let place = result.steps[step].inputs[input].step
        result.steps[step].inputs[input].step = place.flatMap { $0 == 0 ? nil : $0 - 1 }
      }
    }
    return result
  }

  /// The JSON document, shortened to the limit.
  package func json() throws -> String {
    var lineage = self
    var text = lineage.document.serialized()
    while text.utf8.count > Self.maximumByteCount, lineage.steps.count > 1 {
      lineage = lineage.shortened
      text = lineage.document.serialized()
    }
    guard text.utf8.count <= Self.maximumByteCount else {
      throw UsageError(
        "the lineage of this step alone has \(text.utf8.count) bytes, the limit is 1 MiB",
        hint: "pass --no-lineage")
    }
    return text
  }
}
