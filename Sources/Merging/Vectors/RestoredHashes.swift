package import Base
import Checkpoints

/// The SHA-256 hashes of the values that an exact vector restores, by tensor name.
///
/// They detect that a vector is applied to a base other than its own.
package struct RestoredHashes: Sendable {
  private static let key = "sumac.vector.restores"

  private let hashes: JSONObject

  /// Reads and hashes the values of tensors.
  init(of tensors: [LazyTensor], engine: Engine) throws {
    var hashes = JSONObject()
    for tensor in tensors {
      hashes[tensor.name] = .string(try tensor.contentID(engine: engine).hexadecimal)
    }
    self.hashes = hashes
  }

  /// Creates hashes from the metadata of a vector; nil if it has none.
  init?(of vector: Checkpoint) {
    guard let text = vector.metadataString(Self.key) else { return nil }
    let bytes = Array(text.utf8)
    let value = try? JSONValue.parse(bytes.rawSpan)
    guard let hashes = value?.asObject else { return nil }
    self.hashes = hashes
  }

  var metadatum: Checkpoint.Metadatum {
    Checkpoint.Metadatum(key: Self.key, value: JSONValue.object(hashes).serialized())
  }

  /// Checks that tensors have the values that the vector restores.
  ///
  /// - Throws: `FormatError` for the first tensor whose hash differs.
  func check(_ tensors: [LazyTensor], vector: String, engine: Engine) throws {
    for tensor in tensors {
      guard let wanted = hashes[tensor.name]?.asString else { continue }
      guard try tensor.contentID(engine: engine).hexadecimal != wanted else { continue }
      throw FormatError(
        .otherBase, "cannot be restored: the vector was made from another base",
        path: vector, tensor: tensor.name,
        hint: "apply it to the base that '\(command: "explain")' shows in its lineage")
    }
  }
}

extension FormatError.Code {
  package static let otherBase = FormatError.Code(
    "vector.base",
    meaning: "A vector is applied to a base other than its own.",
    remedy: "Apply it to the base that explain shows in its lineage.")
}
