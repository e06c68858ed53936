package import Base
package import Checkpoints
import Synchronization
import TensorCore

/// Finds tensors with the same bytes, which containers with aliases store once.
package struct Duplicates: Sendable {
  /// The number of values of a sample. Tensors with different samples are not compared.
  private static let sampleElementCount = 1 << 14

  /// The names of duplicates, each with the name of the first tensor that has the same bytes.
  package private(set) var targets: [UTF8Key: String] = [:]
  /// The number of bytes that duplicates need.
  package private(set) var byteCount = 0

  /// Compares the tensors of a checkpoint.
  ///
  /// - Parameters:
  ///   - isSame: Returns true if two tensors with the same bytes are to be stored in the same way.
  /// - Complexity: Reads a sample of each tensor that shares its dtype and shape with another, and all values of those
  ///   with equal samples.
  /// - Throws: An error of reading.
  package init(
    _ checkpoint: Checkpoint, engine: Engine, isSame: (LazyTensor, LazyTensor) -> Bool
  ) throws {
    struct Form: Hashable {
      var dtype: DType
      var shape: Shape
    }
    var groups: [Form: [LazyTensor]] = [:]
    for tensor in checkpoint.tensors where tensor.aliasOf == nil && tensor.info.elementCount > 0 {
      groups[Form(dtype: tensor.info.dtype, shape: tensor.info.shape), default: []].append(tensor)
    }
    let shared = groups.values.filter { $0.count > 1 }
    // An archive is decoded once for all samples.
    let tensors = shared.flatMap(\.self)
    var samples = [UInt64](repeating: 0, count: tensors.count)
    for index in tensors.readingOrder { samples[index] = try Self.sample(tensors[index]) }
    var start = 0
    for group in shared {
      let sampled = zip(group, samples[start...])
      start += group.count
      let candidates = Dictionary(grouping: sampled, by: \.1).values.map { $0.map(\.0) }
      for candidates in candidates where candidates.count > 1 {
        try add(candidates, engine, isSame)
      }
    }
  }

  /// Returns the checkpoint with an alias for each duplicate.
  package func applied(to checkpoint: Checkpoint) -> Checkpoint {
    guard !targets.isEmpty else { return checkpoint }
    var result = checkpoint
    for index in result.tensors.indices {
      let tensor = result.tensors[index]
      if let target = targets[UTF8Key(tensor.name)] {
        result.tensors[index].aliasOf = target
      } else if let owner = tensor.aliasOf, let target = targets[UTF8Key(owner)] {
        result.tensors[index].aliasOf = target
      }
    }
    return result
  }

  private static func sample(_ tensor: LazyTensor) throws -> UInt64 {
    let count = min(sampleElementCount, tensor.info.grid.largestChunk)
    let elements = 0..<count
    let layout = WorkspaceLayout(
      tensor.info.bytes(of: elements).count,
      scratch: tensor.source.scratchByteCount(elementCount: count))
    var buffer = ByteBuffer(byteCount: layout.byteCount)
    var workspace = buffer.mutableBytes
    return try layout.withSpans(of: &workspace) { values, scratch in
      try tensor.source.read(elements, into: &values, scratch: &scratch)
      return Kernels.xxh64(values.bytes)
    }
  }

  /// Adds the tensors of a group of equal form that have the content of an earlier one.
  private mutating func add(
    _ candidates: [LazyTensor], _ engine: Engine, _ isSame: (LazyTensor, LazyTensor) -> Bool
  ) throws {
    var owners: [[UInt8]: [LazyTensor]] = [:]
    for tensor in candidates {
      let id = try tensor.contentID(engine: engine)
      if let owner = owners[id]?.first(where: { isSame($0, tensor) }) {
        targets[UTF8Key(tensor.name)] = owner.name
        byteCount += tensor.info.byteCount
      } else {
        owners[id, default: []].append(tensor)
      }
    }
  }
}
