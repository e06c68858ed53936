import Base
import TensorCore
import TestSupport
import Testing

@Suite struct ChunkGridTests {
  struct Case: CustomTestStringConvertible {
    var dtype: DType
    var dimensions: [Int]
    var count: Int
    var first: Range<Int>
    var last: Range<Int>

    var testDescription: String { "\(dtype.name) \(dimensions)" }
  }

  static let cases = [
    Case(dtype: .f32, dimensions: [], count: 1, first: 0..<1, last: 0..<1),
    Case(dtype: .f32, dimensions: [5], count: 1, first: 0..<5, last: 0..<5),
    // 256 rows of 4 KiB fill 1 MiB.
    Case(
      dtype: .f32, dimensions: [1000, 1024], count: 4, first: 0..<262_144, last: 786_432..<1_024_000
    ),
    // A row of exactly 1 MiB is a chunk; rows with one element more are divided into blocks.
    Case(
      dtype: .u8, dimensions: [2, 1 << 20], count: 2, first: 0..<1 << 20, last: 1 << 20..<2 << 20),
    Case(
      dtype: .u8, dimensions: [2, 1 << 20 | 1], count: 34, first: 0..<65_536,
      last: 2_097_153..<2_097_154),
    Case(
      dtype: .bf16, dimensions: [3, 1 << 20], count: 48, first: 0..<65_536,
      last: 3_080_192..<3_145_728),
    // Rows of three nibbles do not end on a byte boundary.
    Case(
      dtype: .f4, dimensions: [100_000, 3], count: 5, first: 0..<65_536, last: 262_144..<300_000),
    Case(dtype: .f6E2M3, dimensions: [4, 4], count: 1, first: 0..<16, last: 0..<16),
  ]

  @Test("a tensor is divided by dtype and shape alone", arguments: cases)
  func cut(_ test: Case) throws {
    let grid = ChunkGrid(dtype: test.dtype, shape: try Shape(test.dimensions))
    #expect(grid.count == test.count)
    #expect(grid[0] == test.first)
    #expect(grid[grid.count - 1] == test.last)
  }

  @Test("no elements, no chunks", arguments: [[0], [0, 5], [5, 0], [1 << 30, 0, 1 << 20]])
  func empty(dimensions: [Int]) throws {
    #expect(ChunkGrid(dtype: .f32, shape: try Shape(dimensions)).count == 0)
  }

  @Test("chunks cover all elements in order and end on bytes", arguments: 0..<200)
  func cover(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let dtype = DType.allCases.randomElement(using: &random)!
    let rank = Int.random(in: 0...4, using: &random)
    var dimensions = (0..<rank).map { _ in Int.random(in: 1...60, using: &random) }
    if rank > 0, seed % 3 == 0 {
      dimensions[rank - 1] = Int.random(in: 1...400_000, using: &random)
    }
    // Elements narrower than a byte must fill whole bytes.
    if dtype.bitsPerElement < 8 {
      if dimensions.isEmpty { dimensions = [1] }
      dimensions[0] = (dimensions[0] + 7) / 8 * 8
    }
    let shape = try Shape(dimensions)
    try #require(dtype.byteCount(of: shape.elementCount) != nil)
    let grid = ChunkGrid(dtype: dtype, shape: shape)
    var end = 0
    for chunk in 0..<grid.count {
      let elements = grid[chunk]
      #expect(elements.lowerBound == end && !elements.isEmpty)
      #expect(elements.count <= grid.largestChunk)
      #expect(elements.count * dtype.bitsPerElement <= 8 << 20)
      #expect(elements.upperBound * dtype.bitsPerElement % 8 == 0)
      #expect(grid.chunk(containing: elements.lowerBound) == chunk)
      #expect(grid.chunk(containing: elements.upperBound - 1) == chunk)
      end = elements.upperBound
    }
    #expect(end == shape.elementCount)
  }

  @Test(
    "shapes outside the limits are rejected",
    arguments: [
      [-1], [1 << 48], [1 << 47, 1 << 10], [0, Int.max, 2], Array(repeating: 1, count: 65),
    ])
  func limits(dimensions: [Int]) {
    #expect(throws: Shape.Problem.self) { try Shape(dimensions) }
  }

  @Test("tiles of several tensors are numbered in order, empty ones skipped")
  func tiles() throws {
    let shapes = [[0], [3], [4, 300_000], [], [2, 0], [2]]
    let grids = try shapes.map { ChunkGrid(dtype: .f32, shape: try Shape($0)) }
    let tiles = TileList(grids)
    var expected: [TileList.Tile] = []
    for (tensor, grid) in grids.enumerated() {
      for chunk in 0..<grid.count {
        expected.append(TileList.Tile(tensor: tensor, chunk: chunk, elements: grid[chunk]))
      }
    }
    #expect((0..<tiles.count).map { tiles[$0] } == expected)
  }
}
