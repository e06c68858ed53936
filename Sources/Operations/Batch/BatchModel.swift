import Base
package import Checkpoints

/// The inputs of a batch that share a name template and steps.
package struct BatchModel: Codable, Sendable {
  /// The path of a model, a pattern of paths, or a folder of models.
  package var path: String
  /// The template of the names of the outputs; that of the batch if nil.
  package var name: String?
  /// The steps; those of the batch if nil.
  package var steps: [BatchStep]?

  package init(path: String, name: String? = nil, steps: [BatchStep]? = nil) {
    self.path = path
    self.name = name
    self.steps = steps
  }
}

/// An operation that a batch runs on each model, with any paths as its input and output.
package struct BatchStep: Codable, Sendable {
  package var operation: any BatchableOperation

  package init(_ operation: any BatchableOperation) { self.operation = operation }

  package var verb: String { type(of: operation).verb }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let json = try container.decode(String.self)
    guard
      let operation = try Operations.operation(json: Array(json.utf8)) as? any BatchableOperation
    else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "the operation cannot be part of a batch")
    }
    self.operation = operation
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(String(decoding: Operations.json(operation), as: UTF8.self))
  }

  /// Returns the JSON document of the operation with fixed paths, which depends on the settings alone.
  package func settings() throws -> [UInt8] {
    var operation = operation
    operation.bind(input: "input", output: "output")
    operation.replacesExisting = false
    return try Operations.json(operation)
  }
}

/// One model of a batch: its input, the name of its output, and the steps between them.
package struct BatchJob: Sendable {
  package var input: String
  /// The name of the output in the output folder.
  package var name: String
  package var steps: [BatchStep]
  /// The digest of the settings of all steps.
  package var settings: String

  /// The index of the step that writes the output.
  package var outputStep: Int {
    steps.lastIndex { $0.operation.writesCheckpoint } ?? steps.count - 1
  }

  /// The paths of all files that are read, the input first.
  package var inputPaths: [String] { [input] + steps.flatMap(\.operation.otherPaths) }
}

extension [BatchStep] {
  /// Returns a digest of the settings, and of the choice among several weights: sixteen hexadecimal digits.
  package func digest(
    _ choice: WeightsChoice, versions: [Lineage.Option] = []
  ) throws -> String {
    var bytes: [UInt8] = []
    for step in self { bytes += try step.settings() + [0] }
    for option in choice.lineageOptions + versions {
      bytes += "\(option.name)=\(option.value)\0".utf8
    }
    return XXH64.digits(of: bytes)
  }

  /// The verbs in order, such as `prune, convert`.
  package var verbs: String { map(\.verb).joined(separator: ", ") }

  /// The end of the names of the outputs by default.
  package var outputSuffix: String {
    (last { $0.operation.writesCheckpoint } ?? last)?.operation.outputSuffix ?? ""
  }
}
