package import Base
import Checkpoints

/// SHA-256 of the values that an exact vector restores, by the names of tensors: so that it is known
/// when it is put on another base than its own.
package struct RestoredHashes: Sendable {
  private static let key = "sumac.vector.restores"

  private let hashes: JSONObject

  init(of tensors: [LazyTensor], engine: Engine) throws {
    var hashes = JSONObject()
    for tensor in tensors {
      hashes[tensor.name] = .string(try tensor.contentID(engine: engine).hexadecimal)
    }
    self.hashes = hashes
  }

  /// Those that a vector has; nil if it has none.
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

  /// - Throws: an error that names the first tensor that is not restored.
  func check(_ tensors: [LazyTensor], vector: String, engine: Engine) throws {
    for tensor in tensors {
      guard let wanted = hashes[tensor.name]?.asString else { continue }
      guard try tensor.contentID(engine: engine).hexadecimal != wanted else { continue }
      throw FormatError(
        .otherBase, "would not be restored: this is not the base that the vector was made from",
        path: vector, tensor: tensor.name,
        hint: "apply it to its own base; 'sumac explain' shows which that was")
    }
  }
}

extension FormatError.Code {
  package static let otherBase = FormatError.Code(
    "vector.base",
    meaning: "A vector is applied to another base than the one it restores.",
    remedy: "Apply it to the base that explain shows in its lineage.")
}
