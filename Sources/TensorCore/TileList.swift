import Base

/// The chunks of several tensors as one numbered list, in order, without storing each chunk.
package struct TileList: Sendable {
  /// A chunk of a tensor of the list.
  package struct Tile: Equatable, Sendable {
    package var tensor: Int
    package var chunk: Int
    package var elements: Range<Int>

    package init(tensor: Int, chunk: Int, elements: Range<Int>) {
      self.tensor = tensor
      self.chunk = chunk
      self.elements = elements
    }
  }

  private let grids: [ChunkGrid]
  /// The number of chunks before each tensor, followed by the total.
  private let starts: [Int]

  package init(_ grids: [ChunkGrid]) {
    self.grids = grids
    starts = grids.reduce(into: [0]) { $0.append($0.last! + $1.count) }
  }

  package var count: Int { starts.last! }

  /// Returns the number of chunks of a tensor.
  package func chunkCount(ofTensor index: Int) -> Int { grids[index].count }

  /// - Complexity: O(log *n*) in the number of tensors.
  package subscript(index: Int) -> Tile {
    precondition(index >= 0 && index < count)
    var low = 0
    var high = grids.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= index { low = middle } else { high = middle }
    }
    let chunk = index - starts[low]
    return Tile(tensor: low, chunk: chunk, elements: grids[low][chunk])
  }
}
