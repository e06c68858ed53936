import BLAS
import Base
import TestSupport
import Testing

@Suite(.needsOpenBLAS) struct ProductTests {
  struct Sizes: CustomTestStringConvertible, Sendable {
    var rows: Int
    var columns: Int
    var depth: Int
    var testDescription: String { "\(rows) x \(depth) x \(columns)" }
  }

  static let sizes = [
    Sizes(rows: 1, columns: 1, depth: 1), Sizes(rows: 3, columns: 5, depth: 2),
    Sizes(rows: 1, columns: 77, depth: 33), Sizes(rows: 77, columns: 1, depth: 33),
    Sizes(rows: 64, columns: 64, depth: 64), Sizes(rows: 67, columns: 129, depth: 401),
    // Several tiles, the last ones smaller.
    Sizes(rows: 300, columns: 601, depth: 29), Sizes(rows: 1_030, columns: 9, depth: 400),
    Sizes(rows: 9, columns: 1_300, depth: 200),
  ]

  /// A product in which each matrix is inside of a longer one, so that strides and places matter.
  struct Case<S: BLASScalar> where S.RawSignificand: FixedWidthInteger {
    var sizes: Sizes
    var aTransposed: Bool
    var bTransposed: Bool
    var scale: S
    var adding: Bool
    let padding = 3
    let a: [S]
    let b: [S]
    let before: [S]

    init(_ sizes: Sizes, _ aTransposed: Bool, _ bTransposed: Bool, scale: S, adding: Bool) {
      self.sizes = sizes
      self.aTransposed = aTransposed
      self.bTransposed = bTransposed
      self.scale = scale
      self.adding = adding
      let (m, n, k) = (sizes.rows, sizes.columns, sizes.depth)
      a = Matrix.random(aTransposed ? k * (m + padding) : m * (k + padding), seed: 1)
      b = Matrix.random(bTransposed ? n * (k + padding) : k * (n + padding), seed: 2)
      before = Matrix.random(m * (n + padding), seed: 3)
    }

    var aLayout: MatrixLayout { MatrixLayout(isTransposed: aTransposed, stride: aStride) }
    var bLayout: MatrixLayout { MatrixLayout(isTransposed: bTransposed, stride: bStride) }
    var aStride: Int { (aTransposed ? sizes.rows : sizes.depth) + padding }
    var bStride: Int { (bTransposed ? sizes.depth : sizes.columns) + padding }
    var cStride: Int { sizes.columns + padding }

    func result(_ blas: BLAS, asTile: Bool = false) throws -> [S] {
      var c = before
      var span = c.mutableSpan
      if asTile {
        blas.multiplyTile(
          a.span, aLayout, by: b.span, bLayout, rows: sizes.rows, columns: sizes.columns,
          depth: sizes.depth,
          scale: scale, adding: adding, into: &span, stride: cStride)
      } else {
        try blas.multiply(
          a.span, aLayout, by: b.span, bLayout, rows: sizes.rows, columns: sizes.columns,
          depth: sizes.depth,
          scale: scale, adding: adding, into: &span, stride: cStride)
      }
      return c
    }

    /// Returns the number of values of `c` that differ from a plain triple loop by more than the rounding of S.
    func wrongCount(_ c: [S]) -> Int {
      var count = 0
      let unit = Double(S.ulpOfOne) * Double(sizes.depth + 3)
      for row in 0..<sizes.rows {
        for column in 0..<cStride {
          let place = row * cStride + column
          guard column < sizes.columns else {
            // Values between the rows stay as they are.
            count += c[place] == before[place] ? 0 : 1
            continue
          }
          var (sum, magnitudes) = (0.0, 0.0)
          for k in 0..<sizes.depth {
            let left = a[aTransposed ? k * aStride + row : row * aStride + k]
            let right = b[bTransposed ? column * bStride + k : k * bStride + column]
            sum += Double(left) * Double(right)
            magnitudes += (Double(left) * Double(right)).magnitude
          }
          let start = adding ? Double(before[place]) : 0
          let expected = Double(scale) * sum + start
          let bound = unit * (Double(scale).magnitude * magnitudes + start.magnitude)
          if !((Double(c[place]) - expected).magnitude <= bound) { count += 1 }
        }
      }
      return count
    }
  }

  static func check<S: BLASScalar>(_ sizes: Sizes, as _: S.Type) throws
  where S.RawSignificand: FixedWidthInteger {
    let blas = try OpenBLAS.load(jobs: 2)
    for aTransposed in [false, true] {
      for bTransposed in [false, true] {
        for (scale, adding) in [(1, false), (-0.75, true), (0.5, false)] as [(S, Bool)] {
          let product = Case<S>(sizes, aTransposed, bTransposed, scale: scale, adding: adding)
          #expect(product.wrongCount(try product.result(blas)) == 0)
          #expect(product.wrongCount(try product.result(blas, asTile: true)) == 0)
        }
      }
    }
  }

  @Test("products agree with a triple loop in float64", arguments: sizes)
  func values(sizes: Sizes) throws {
    try Self.check(sizes, as: Float.self)
    try Self.check(sizes, as: Double.self)
  }

  @Test("results have the same bits for 1, 2 and 3 threads, and in each call", arguments: sizes)
  func sameBits(sizes: Sizes) throws {
    let product = Case<Float>(sizes, false, true, scale: 1, adding: false)
    let first = try product.result(OpenBLAS.load(jobs: 1)).map(\.bitPattern)
    for jobs in [1, 2, 3] {
      let blas = try OpenBLAS.load(jobs: jobs)
      for _ in 0..<3 { #expect(try product.result(blas).map(\.bitPattern) == first) }
    }
  }

  @Test("results do not depend on where the matrices are in memory", arguments: sizes)
  func sameBitsAnywhere(sizes: Sizes) throws {
    let blas = try OpenBLAS.load()
    let (m, n, k) = (sizes.rows, sizes.columns, sizes.depth)
    let a: [Float] = Matrix.random(m * k, seed: 4)
    let b: [Float] = Matrix.random(k * n, seed: 5)
    let results = try [0, 1, 3, 6].map { offset in
      let (shiftedA, shiftedB) = (
        [Float](repeating: 0, count: offset) + a, [Float](repeating: 0, count: offset) + b
      )
      var c = [Float](repeating: 0, count: m * n + offset)
      var span = c.mutableSpan
      var part = span._mutatingExtracting(offset..<m * n + offset)
      try blas.multiply(
        shiftedA.span.extracting(offset..<offset + m * k),
        by: shiftedB.span.extracting(offset..<offset + k * n), rows: m, columns: n, depth: k,
        into: &part)
      return c.dropFirst(offset).map(\.bitPattern)
    }
    for result in results { #expect(result == results[0]) }
  }

  @Test("a product without depth is zero, or leaves C as it is if it is added")
  func depthZero() throws {
    let blas = try OpenBLAS.load()
    let empty: [Double] = []
    for adding in [false, true] {
      var c = [1.0, 2, 3, 4]
      var span = c.mutableSpan
      try blas.multiply(
        empty.span, by: empty.span, rows: 2, columns: 2, depth: 0, adding: adding, into: &span)
      #expect(c == (adding ? [1, 2, 3, 4] : [0, 0, 0, 0]))
    }
  }

  @Test("a product without rows or columns does nothing", arguments: [(0, 3), (3, 0), (0, 0)])
  func noValues(rows: Int, columns: Int) throws {
    let blas = try OpenBLAS.load()
    let (a, b) = ([Float](repeating: 1, count: rows * 2), [Float](repeating: 1, count: columns * 2))
    var c: [Float] = []
    var span = c.mutableSpan
    try blas.multiply(a.span, by: b.span, rows: rows, columns: columns, depth: 2, into: &span)
    #expect(c.isEmpty)
  }

  @Test("products at places are those of each place", arguments: [1, 2, 3])
  func places(jobs: Int) throws {
    // Scores of 6 heads that share 2 heads of keys: Q [tokens, 6, 8], K [tokens, 2, 8], scores [6, tokens, tokens]; and
    // their product with K again, which is written to interleaved heads.
    let (tokens, heads, groups, size) = (37, 6, 2, 8)
    let blas = try OpenBLAS.load(jobs: jobs)
    let q: [Float] = Matrix.random(tokens * heads * size, seed: 6)
    let k: [Float] = Matrix.random(tokens * groups * size, seed: 7)
    var scores = [Float](repeating: .nan, count: heads * tokens * tokens)
    var span = scores.mutableSpan
    try blas.multiply(
      at: (0..<heads).map {
        ProductOffsets(a: $0 * size, b: $0 / 3 * size, c: $0 * tokens * tokens)
      },
      q.span, .plain(stride: heads * size), by: k.span, .transposed(stride: groups * size),
      rows: tokens, columns: tokens, depth: size, into: &span)
    var outputs = [Float](repeating: .nan, count: tokens * heads * size)
    var target = outputs.mutableSpan
    try blas.multiply(
      at: (0..<heads).map {
        ProductOffsets(a: $0 * tokens * tokens, b: $0 / 3 * size, c: $0 * size)
      },
      scores.span, by: k.span, .plain(stride: groups * size), rows: tokens, columns: size,
      depth: tokens,
      into: &target, stride: heads * size)
    for head in 0..<heads {
      for row in 0..<tokens {
        var expected = [Double](repeating: 0, count: size)
        for column in 0..<tokens {
          var score = 0.0
          for i in 0..<size {
            score +=
              Double(q[(row * heads + head) * size + i])
              * Double(k[(column * groups + head / 3) * size + i])
          }
          #expect(
            (Double(scores[(head * tokens + row) * tokens + column]) - score).magnitude < 1e-5)
          for i in 0..<size {
            expected[i] += score * Double(k[(column * groups + head / 3) * size + i])
          }
        }
        for i in 0..<size {
          #expect((Double(outputs[(row * heads + head) * size + i]) - expected[i]).magnitude < 1e-4)
        }
      }
    }
  }

  @Test("several threads can call at the same time")
  func concurrent() throws {
    let blas = try OpenBLAS.load()
    let products = Self.sizes.map { Case<Float>($0, true, false, scale: 1, adding: true) }
    let expected = try products.map { try $0.result(blas).map(\.bitPattern) }
    try Parallel(jobs: 4, cancellation: Cancellation()).forEach(
      count: 40 * products.count, workspaceByteCount: 0
    ) { index, _ in
      let place = index % products.count
      let bits = try products[place].result(blas).map(\.bitPattern)
      #expect(bits == expected[place])
    }
  }

  @Test("a product inside of a piece of the crew has the same bits")
  func nested() throws {
    let blas = try OpenBLAS.load(jobs: 2)
    let product = Case<Float>(Self.sizes[6], false, false, scale: 1, adding: false)
    let expected = try product.result(blas).map(\.bitPattern)
    try blas.crew.forEach(count: 8) { _ in
      let bits = try product.result(blas).map(\.bitPattern)
      #expect(bits == expected)
    }
  }

  @Test("a request to stop ends a product")
  func cancelled() throws {
    let cancellation = Cancellation()
    let blas = try BLAS.load(crew: Crew(jobs: 2, cancellation: cancellation))
    cancellation.request(.interrupted)
    #expect(throws: InterruptedError(status: .interrupted)) {
      let product = Case<Float>(Self.sizes[6], false, false, scale: 1, adding: false)
      _ = try product.result(blas)
    }
  }
}
