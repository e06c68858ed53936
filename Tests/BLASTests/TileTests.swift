import BLAS
import Testing

@Suite struct TileTests {
  @Test(
    "tiles cover each value of C once",
    arguments: [(1, 1, 1), (0, 5, 9), (300, 601, 700), (1_024, 1_024, 1_024), (4_096, 3, 5_000)])
  func cover(rows: Int, columns: Int, depth: Int) {
    let tiles = ProductTiles(rows: rows, columns: columns, depth: depth)
    var counts = [Int](repeating: 0, count: rows * columns)
    for index in 0..<tiles.count {
      let tile = tiles[index]
      for row in tile.rows { for column in tile.columns { counts[row * columns + column] += 1 } }
    }
    #expect(counts.allSatisfy { $0 == 1 })
  }

  @Test("a small product is one tile, and a large one has tiles for many threads")
  func counts() {
    #expect(ProductTiles(rows: 64, columns: 64, depth: 64).count == 1)
    #expect(ProductTiles(rows: 1_024, columns: 1_024, depth: 1_024).count == 8)
    #expect(ProductTiles(rows: 4_096, columns: 4_096, depth: 64).count == 128)
  }

  @Test("matrices at two places that share a value are found")
  func disjoint() {
    let shape = ProductShape(
      rows: 3, columns: 4, depth: 1, aTransposed: false, bTransposed: false, aStride: nil,
      bStride: nil, cStride: 10)
    // Two matrices of 3 rows of 4 in rows of 10: compared with all their values.
    func values(_ place: Int) -> Set<Int> {
      Set((0..<3).flatMap { row in (0..<4).map { place + 10 * row + $0 } })
    }
    for distance in 0..<40 {
      let expected = values(0).isDisjoint(with: values(distance))
      #expect(shape.areDisjoint([0, distance]) == expected, "\(distance)")
      #expect(shape.areDisjoint([distance + 50, 200, 50]) == expected, "\(distance)")
    }
    #expect(shape.areDisjoint([0, 4, 30, 34, 60]))
    #expect(!shape.areDisjoint([0, 4, 30, 7]))
  }
}
