import Base
import Checkpoints
import TensorCore

/// Reads the places of the values of a sparse tensor and makes the dense tensor.
struct SparseTensorReader {
  let resolver: TensorResolver
  let heap: PickleHeap

  func tensor(_ name: String, _ tensor: TorchTensor) throws -> LazyTensor {
    switch tensor.content {
    case .coordinates(let indices, let values):
      return try coordinates(name, tensor, indices: indices, values: values)
    case .compressed(let starts, let indices, let values, let byRows):
      return try compressed(
        name, tensor, starts: starts, indices: indices, values: values, byRows: byRows)
    case .strided, .unreadable:
      throw resolver.error(.sparse, "is not sparse", name, tensor)
    }
  }

  // MARK: Coordinates

  private func coordinates(
    _ name: String, _ tensor: TorchTensor, indices: Int, values: Int
  ) throws -> LazyTensor {
    let indices = try resolver.resolved(name, indices)
    let values = try resolver.resolved(name, values)
    let shape = indices.info.shape.dimensions
    let counts = values.info.shape.dimensions
    guard shape.count == 2, shape[0] <= tensor.size.count, counts.first == shape[1],
      Array(counts.dropFirst()) == Array(tensor.size.dropFirst(shape[0]))
    else {
      throw resolver.error(
        .sparse, "has indices and values whose shapes do not fit its size \(tensor.size)", name,
        tensor)
    }
    let (rank, count) = (shape[0], shape[1])
    try checkCount(count, name, tensor)
    let numbers = try integers(indices, name, tensor)
    let info = try denseInfo(name, tensor, values)
    var blocks = [Int](repeating: 0, count: count)
    for dimension in 0..<rank {
      for entry in 0..<count {
        let index = numbers[dimension * count + entry]
        guard index >= 0, index < tensor.size[dimension] else {
          throw outside(index, dimension, name, tensor)
        }
        // The shape is within the limits of `Shape`, so the flat index fits.
        blocks[entry] = blocks[entry] * tensor.size[dimension] + index
      }
    }
    return try dense(
      info, blocks, values, blockCount: tensor.size.dropFirst(rank).reduce(1, *), name, tensor)
  }

  private func outside(
    _ index: Int, _ dimension: Int, _ name: String, _ tensor: TorchTensor
  ) -> FormatError {
    resolver.error(
      .sparse,
      "has a value at index \(index) of dimension \(dimension), which has size \(tensor.size[dimension])",
      name, tensor)
  }

  // MARK: Compressed rows or columns

  private func compressed(
    _ name: String, _ tensor: TorchTensor, starts: Int, indices: Int, values: Int, byRows: Bool
  ) throws -> LazyTensor {
    let starts = try resolver.resolved(name, starts)
    let indices = try resolver.resolved(name, indices)
    let values = try resolver.resolved(name, values)
    let count = values.info.elementCount
    try checkCount(count, name, tensor)
    guard tensor.size.count == 2, values.info.shape.dimensions.count == 1,
      indices.info.shape.dimensions == [count]
    else {
      throw resolver.error(
        .sparse, "is not a matrix, or its values and indices differ in number", name, tensor)
    }
    let info = try denseInfo(name, tensor, values)
    let (lines, width) =
      byRows ? (tensor.size[0], tensor.size[1]) : (tensor.size[1], tensor.size[0])
    guard starts.info.shape.dimensions == [lines + 1] else {
      throw resolver.error(
        .sparse, "has \(starts.info.shape) starts for \(lines) rows or columns", name, tensor)
    }
    let ends = try integers(starts, name, tensor)
    let numbers = try integers(indices, name, tensor)
    guard ends.first == 0, ends.last == count, zip(ends, ends.dropFirst()).allSatisfy({ $0 <= $1 })
    else {
      throw resolver.error(
        .sparse, "has starts of rows or columns that do not ascend to the number of values", name,
        tensor)
    }
    var blocks = [Int](repeating: 0, count: count)
    for line in 0..<lines {
      for entry in ends[line]..<ends[line + 1] {
        let index = numbers[entry]
        guard index >= 0, index < width else {
          throw outside(index, byRows ? 1 : 0, name, tensor)
        }
        blocks[entry] = byRows ? line * width + index : index * lines + line
      }
    }
    return try dense(info, blocks, values, blockCount: 1, name, tensor)
  }

  // MARK: Dense tensors

  private func denseInfo(
    _ name: String, _ tensor: TorchTensor, _ values: LazyTensor
  ) throws -> TensorInfo {
    guard values.info.dtype.bitsPerElement >= 8 else {
      throw resolver.error(.tensorKind, "is a sparse tensor of packed 4-bit values", name, tensor)
    }
    let info: TensorInfo
    do {
      info = try TensorInfo(name: name, dtype: values.info.dtype, shape: Shape(tensor.size))
    } catch { throw resolver.error(.geometry, "\(error)", name, tensor) }
    try resolver.checkSparseExpansion(name, tensor, info, stored: values.info.byteCount)
    return info
  }

  private func checkCount(_ count: Int, _ name: String, _ tensor: TorchTensor) throws {
    guard count <= SparseTensorSource.maximumEntryCount else {
      throw resolver.error(
        .sparse,
        "has \(count.grouped) stored values, more than "
          + "\(SparseTensorSource.maximumEntryCount.grouped)", name, tensor)
    }
  }

  /// Returns the integers of a small tensor of I32 or I64.
  private func integers(
    _ tensor: LazyTensor, _ name: String, _ sparse: TorchTensor
  ) throws -> [Int] {
    let limit = SparseTensorSource.maximumEntryCount
    guard tensor.info.dtype == .i64 || tensor.info.dtype == .i32,
      tensor.info.elementCount <= 8 * limit
    else {
      throw resolver.error(
        .sparse,
        "has indices of \(tensor.info.dtype.name) \(tensor.info.shape), expected up to "
          + "\((8 * limit).grouped) of I32 or I64", name, sparse)
    }
    let bytes = try tensor.bytes()
    let isWide = tensor.info.dtype == .i64
    return (0..<tensor.info.elementCount).map { index in
      isWide
        ? Int(bytes.rawSpan.littleEndian(Int64.self, at: 8 * index) ?? 0)
        : Int(bytes.rawSpan.littleEndian(Int32.self, at: 4 * index) ?? 0)
    }
  }

  private func dense(
    _ info: TensorInfo, _ blocks: [Int], _ values: LazyTensor, blockCount: Int, _ name: String,
    _ tensor: TorchTensor
  ) throws -> LazyTensor {
    var stored = values.stored
    stored.codec = "sparse"
    guard info.elementCount > 0, blockCount > 0 else {
      return LazyTensor(
        info: info, source: MemoryTensorSource(info: info, values: []), stored: stored)
    }
    let entries = blocks.enumerated().map { SparseTensorSource.Entry(block: $1, value: $0) }
      .sorted { ($0.block, $0.value) < ($1.block, $1.value) }
    guard zip(entries, entries.dropFirst()).allSatisfy({ $0.block < $1.block }) else {
      throw resolver.error(
        .sparse, "has several values at one place", name, tensor,
        hint: "save it after calling coalesce() or to_dense()")
    }
    return LazyTensor(
      info: info,
      source: SparseTensorSource(
        info: info, values: values, entries: entries, blockCount: blockCount), stored: stored)
  }
}
