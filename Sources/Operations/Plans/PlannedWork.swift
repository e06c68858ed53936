import Base

/// An operation that a plan divides, with its JSON document.
package struct PlannedOutput: Codable, Sendable {
  package var operation: any OutputOperation

  package init(_ operation: any OutputOperation) { self.operation = operation }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let operation = try Operations.operation(json: Array(text.utf8)) as? any OutputOperation
    else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "the operation does not write a checkpoint")
    }
    self.operation = operation
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(String(decoding: Operations.json(operation), as: UTF8.self))
  }
}

/// The work that a plan divides.
package enum PlannedWork: Codable, Sendable {
  /// One output.
  case output(PlannedOutput)
  /// An operation on each of many models.
  case models(BatchOperation)
  /// The trainings of a sweep.
  case sweep(RepeatsSweepOperation)
}
