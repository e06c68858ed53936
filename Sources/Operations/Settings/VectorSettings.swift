import Base
import Checkpoints
import Merging

/// The settings for how a task vector is stored.
package struct VectorFormSettings: Codable, Sendable, Equatable {
  /// The share of values that are kept, above 0 and up to 1.
  package var density: Double?
  /// The rank of the low-rank products that store weights.
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
            hint: "to list the types: \(command: "explain types")")
        }
      })
  }
}

extension [ModelValue] {
  /// Returns each checkpoint as a task vector with its scale, 1 by default.
  func vectors(_ checkpoints: [Checkpoint]) throws -> [(vector: TaskVector, scale: Double)] {
    var errors: [any UserError] = []
    var result: [(vector: TaskVector, scale: Double)] = []
    for value in self where !Float(value.number).isFinite {
      errors.append(
        UsageError("\(setting: "scale") is \(value.number), which float32 cannot hold"))
    }
    let shared = last { $0.model == nil }?.number ?? 1
    for checkpoint in checkpoints {
      do { result.append((try TaskVector(checkpoint), shared)) } catch {
        errors.append(try asUserError(error))
      }
    }
    for value in self {
      guard let name = value.model else { continue }
      let indices = result.indices.filter {
        value.applies(toModelAt: result[$0].vector.checkpoint.path)
      }
      if indices.isEmpty {
        errors.append(
          UsageError(
            "\(setting: "scale") \(name.printable)=…: no vector with this name",
            hint: "the vectors are \(result.map(\.vector.name).joined(separator: ", "))"))
      }
      for index in indices { result[index].scale = value.number }
    }
    try SeveralErrors.throwIfAny(errors)
    return result
  }
}
