import Base
import Checkpoints
import Containers
import Evaluation
import Models
import Networks
import TensorCore
import TestSupport

/// The trained model of the fixtures, as it is or with changed weights.
enum EvaluatedFixture {
  static func checkpoint() throws -> Checkpoint {
    try Containers.read(Fixtures.path("models/base"))
  }

  /// Returns the model with some weights replaced by what `change` returns for their BF16 bits and shape.
  static func model(
    _ compute: Compute, changing: (String, [UInt16], [Int]) -> [UInt16]? = { _, _, _ in nil }
  ) throws -> EvaluatedModel {
    var checkpoint = try checkpoint()
    for index in checkpoint.tensors.indices {
      let tensor = checkpoint.tensors[index]
      let bytes = try tensor.bytes()
      let bits = stride(from: 0, to: bytes.count, by: 2).map {
        UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8
      }
      guard let changed = change(tensor, bits, changing) else { continue }
      checkpoint.tensors[index] = LazyTensor(
        info: tensor.info,
        source: MemoryTensorSource(
          info: tensor.info,
          values: changed.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }),
        stored: tensor.stored)
    }
    let text = try Fixtures.bytes("models/base/config.json")
    return try EvaluatedModel(
      checkpoint, ModelConfigurationFile(text: text).configuration(), compute)
  }

  private static func change(
    _ tensor: LazyTensor, _ bits: [UInt16],
    _ changing: (String, [UInt16], [Int]) -> [UInt16]?
  ) -> [UInt16]? { changing(tensor.name, bits, tensor.info.shape.dimensions) }

  /// Returns the tokens of the fixture's texts.
  static func tokens(_ name: String, _ count: Int) throws -> [Int32] {
    let checkpoint = try Containers.read(Fixtures.path("models/text/tokens.safetensors"))
    guard let tensor = checkpoint.tensors.first(where: { $0.name == name }) else { return [] }
    return Array(try tensor.bytes().int32s.prefix(count))
  }
}

extension [UInt8] {
  /// The bytes as little-endian numbers of 32 bits.
  var int32s: [Int32] {
    stride(from: 0, to: count, by: 4).map { start in
      Int32(
        truncatingIfNeeded: (0..<4).reduce(UInt32(0)) { $0 | UInt32(self[start + $1]) << (8 * $1) })
    }
  }
}
