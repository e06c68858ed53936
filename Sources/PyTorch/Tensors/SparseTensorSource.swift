import Base
import Checkpoints
import TensorCore

/// The dense values of a sparse tensor: zeros except at the coordinates that are stored.
struct SparseTensorSource: TensorSource {
  /// The place of a stored value.
  struct Entry: Sendable {
    /// The flat index in the dense tensor, in blocks of `blockCount` elements.
    var block: Int
    /// The index of the stored block of values.
    var value: Int
  }

  /// The largest number of stored entries; their places are kept in memory.
  static let maximumEntryCount = 1 << 20

  private let info: TensorInfo
  private let values: LazyTensor
  /// The entries in the order of the dense tensor; each block occurs once.
  private let entries: [Entry]
  /// The number of elements of each stored block: 1, or more if a tensor is sparse only in its first dimensions.
  private let blockCount: Int

  init(info: TensorInfo, values: LazyTensor, entries: [Entry], blockCount: Int) {
    self.info = info
    self.values = values
    self.entries = entries
    self.blockCount = blockCount
  }

  private var width: Int { info.dtype.bitsPerElement / 8 }

  func scratchByteCount(elementCount: Int) -> Int {
    values.source.scratchByteCount(elementCount: min(elementCount, blockCount))
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    values.fill(with: 0)
    guard !elements.isEmpty, !entries.isEmpty else { return }
    let firstBlock = elements.lowerBound / blockCount
    let start = entries.partitioningIndex { $0.block >= firstBlock }
    for entry in entries[start...] {
      let block = entry.block * blockCount..<(entry.block + 1) * blockCount
      guard block.lowerBound < elements.upperBound else { return }
      let part = block.clamped(to: elements)
      let target = width * (part.lowerBound - elements.lowerBound)
      var span = values._mutatingExtracting(target..<target + width * part.count)
      let source = entry.value * blockCount + part.lowerBound - block.lowerBound
      try self.values.source.read(source..<source + part.count, into: &span, scratch: &scratch)
    }
  }
}

extension Array {
  /// Returns the index of the first element for which `isAfter` is true, in an array that is sorted by it.
  /// - Complexity: O(log *n*).
  func partitioningIndex(_ isAfter: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isAfter(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
