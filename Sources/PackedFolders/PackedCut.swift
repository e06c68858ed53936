import Base
import Checkpoints
import Packing
import TensorCore

/// The division of the tensors of a component into shards.
///
/// It depends on headers and options alone. An alias is in the shard of the tensor that it is another name of.
struct PackedCut {
  private let tensors: [LazyTensor]
  /// The index of the tensor that stores the values of each tensor.
  private let owners: [Int]

  /// - Parameter tensors: The tensors in the order of the catalog, each alias after its tensor.
  init(_ tensors: [LazyTensor]) {
    self.tensors = tensors
    var indices: [UTF8Key: Int] = [:]
    owners = tensors.enumerated().map { index, tensor in
      indices[UTF8Key(tensor.name)] = index
      return tensor.aliasOf.flatMap { indices[UTF8Key($0)] } ?? index
    }
  }

  /// Returns shards whose files have up to `limit` bytes, unless a single tensor needs more.
  ///
  /// The length of a file is at most the sum of the lengths that its tensors would need in files of their own.
  /// - Parameter firstByteCount: The length of what only the first shard contains.
  func parts(
    upTo limit: Int, firstByteCount: Int, byteCount: ([LazyTensor]) throws -> Int
  ) rethrows -> [[LazyTensor]] {
    var groups: [Int: [LazyTensor]] = [:]
    for (index, tensor) in tensors.enumerated() {
      groups[owners[index], default: []].append(tensor)
    }
    var parts = [Int](repeating: 0, count: tensors.count)
    var (number, size) = (0, firstByteCount)
    var isEmpty = true
    for (index, owner) in owners.enumerated() where owner == index {
      let count = try byteCount(groups[index] ?? [])
      if size + count > limit, !isEmpty {
        number += 1
        size = 0
      }
      parts[index] = number
      size += count
      isEmpty = false
    }
    return divided(parts, count: number + 1)
  }

  /// Returns the shards of an earlier division; nil if it is that of other tensors.
  /// - Parameter names: The names of the tensors of each shard.
  func parts(named names: [[String]]) -> [[LazyTensor]]? {
    var numbers: [UTF8Key: Int] = [:]
    for (number, names) in names.enumerated() {
      for name in names { numbers[UTF8Key(name)] = number }
    }
    var parts: [Int] = []
    for (index, tensor) in tensors.enumerated() {
      guard let number = numbers[UTF8Key(tensor.name)],
        number == numbers[UTF8Key(tensors[owners[index]].name)]
      else { return nil }
      parts.append(number)
    }
    guard numbers.count == tensors.count else { return nil }
    return divided(parts, count: names.count)
  }

  private func divided(_ parts: [Int], count: Int) -> [[LazyTensor]] {
    var result = [[LazyTensor]](repeating: [], count: count)
    for (index, tensor) in tensors.enumerated() { result[parts[owners[index]]].append(tensor) }
    return result
  }
}
