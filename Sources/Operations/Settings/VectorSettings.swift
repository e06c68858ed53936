import Base
import Checkpoints
import Merging

/// How a task vector is stored.
package struct VectorFormSettings: Codable, Sendable, Equatable {
  /// The share of values that are kept, above 0 and at most 1.
  package var density: Double?
  /// The rank of products of factors, for weights.
  package var rank: Int?
  /// The type of weights, such as `int4:g64`.
  package var type: String?

  package init() {}

  func form() throws -> VectorForm {
    VectorForm(
      density: density, rank: rank,
      type: try type.map { text in
        do { return try StorageType(text) } catch {
          throw UsageError(
            "\(setting: "type"): \(error)",
            hint: "the types are listed by: \(command: "explain types")")
        }
      })
  }
}

extension [ModelValue] {
  /// Each checkpoint as a vector with the scale that these values give it; 1 unless given.
  func vectors(_ checkpoints: [Checkpoint]) throws -> [(vector: TaskVector, scale: Double)] {
    var errors: [any UserError] = []
    var result: [(vector: TaskVector, scale: Double)] = []
    let shared = last { $0.model == nil }?.number ?? 1
    for checkpoint in checkpoints {
      do { result.append((try TaskVector(checkpoint), shared)) } catch {
        errors.append(try asUserError(error))
      }
    }
    for value in self {
      guard let name = value.model else { continue }
      let places = result.indices.filter {
        value.isMeant(for: result[$0].vector.checkpoint.path)
      }
      if places.isEmpty {
        errors.append(
          UsageError(
            "\(setting: "scale") \(name.printable)=…: no vector has that name",
            hint: "the vectors are \(result.map(\.vector.name).joined(separator: ", "))"))
      }
      for place in places { result[place].scale = value.number }
    }
    try SeveralErrors.throwIfAny(errors)
    return result
  }
}
