import Base
import TensorCore
import TestSupport
import Testing

/// Kernels of key and value caches, at every CPU level.
@Suite struct CacheKernelTests {
  static let levels = Array(Kernels.levels.indices)

  /// Returns values with many ties, including zeros of both signs.
  private static func values(_ count: Int, seed: UInt64, ties: Bool) -> [Float] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
      let value = Float.random(in: -1...1, using: &random)
      return ties ? (value * 8).rounded() / 4 : value * value * value
    }
  }

  private static func marked(
    _ kernels: Kernels, _ values: [Float], rows: Int, columns: Int, alongColumns: Bool, count: Int
  ) -> [UInt8] {
    var mask = ByteBuffer(byteCount: Kernels.maskByteCount(elementCount: values.count))
    var scratch = ByteBuffer(
      byteCount: Kernels.extremesScratchByteCount(
        rows: rows, columns: columns, alongColumns: alongColumns))
    var bits = mask.mutableBytes
    bits.fill()
    var rest = scratch.mutableBytes
    kernels.markExtremes(
      count, of: values.rawSpan, rows: rows, columns: columns, alongColumns: alongColumns,
      in: &bits, scratch: &rest)
    return bits.bytes.array()
  }

  @Test(
    "the smallest and largest of each sequence are marked, the first of equal values",
    arguments: levels, [(5, 1), (64, 3), (130, 2), (700, 20), (2500, 25), (3000, 1), (300, 150)])
  func extremes(level: Int, shape: (length: Int, count: Int)) {
    for (ties, width) in [(true, 3), (false, 17), (true, 19), (false, 1)] {
      for alongColumns in [true, false] {
        let (rows, columns) = alongColumns ? (shape.length, width) : (width, shape.length)
        let values = Self.values(rows * columns, seed: 7, ties: ties)
        let found = Self.marked(
          Kernels.levels[level], values, rows: rows, columns: columns, alongColumns: alongColumns,
          count: shape.count)
        var expected = [UInt8](repeating: 0, count: (values.count + 7) / 8)
        for line in 0..<width {
          let indexes = (0..<shape.length).map {
            alongColumns ? $0 * width + line : line * columns + $0
          }
          // Zeros are ordered by their sign.
          let keys = indexes.map { index -> Int64 in
            let bits = Int64(Int32(bitPattern: values[index].bitPattern))
            return bits < 0 ? Int64(Int32.min) - bits - 1 : bits
          }
          let ascending = keys.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }
          let descending = keys.indices.sorted { (-keys[$0], $0) < (-keys[$1], $1) }
          for number in ascending.prefix(shape.count) + descending.prefix(shape.count) {
            expected[indexes[number] / 8] |= 1 << UInt8(indexes[number] % 8)
          }
        }
        #expect(found == expected, "\(shape) \(ties) \(width) \(alongColumns)")
      }
    }
  }

  @Test("ranges ignore NaN, and pairs cover the ranges", arguments: levels)
  func ranges(level: Int) {
    let kernels = Kernels.levels[level]
    for (dimensions, axis, size) in [
      ([40, 24], 0, 16), ([40, 24], 1, 10), ([33, 17], 0, 33), ([5, 64], 1, 64), ([7, 3], 1, 1),
    ] {
      let count = dimensions[0] * dimensions[1]
      var values = Self.values(count, seed: 11, ties: false)
      for index in stride(from: 0, to: count, by: 5) { values[index] = .nan }
      let grouping = Grouping(dimensions: dimensions, axis: axis, size: size, start: 0)
      let cells = grouping.cellCount(elementCount: count)
      var buffer = ByteBuffer(byteCount: 16 * cells)
      var span = buffer.mutableBytes
      span.split(at: 8 * cells) { ranges, pairs in
        kernels.keptRanges(values.rawSpan, grouping, into: &ranges)
        let found = ranges.bytes.floats()
        // The cell of each element is computed independently.
        let groups = (dimensions[axis] + size - 1) / size
        var (lows, highs) = (
          [Float](repeating: .infinity, count: cells), [Float](repeating: -.infinity, count: cells)
        )
        for index in 0..<count where !values[index].isNaN {
          let (row, column) = (index / dimensions[1], index % dimensions[1])
          let cell = axis == 0 ? row / size * dimensions[1] + column : row * groups + column / size
          lows[cell] = min(lows[cell], values[index])
          highs[cell] = max(highs[cell], values[index])
        }
        for cell in 0..<cells where lows[cell] > highs[cell] { (lows[cell], highs[cell]) = (0, 0) }
        #expect(found == lows + highs, "\(dimensions) along \(axis)")
        for (dtype, steps) in [(DType.f16, 15), (.f16, 3), (.f32, 255)] {
          kernels.rangePairs(ranges.bytes, steps: steps, dtype: dtype, into: &pairs)
          let numbers = pairs.bytes.floats()
          for cell in 0..<cells {
            let (scale, zero) = (numbers[cell], numbers[cells + cell])
            #expect(zero <= lows[cell] || dtype == .f32 && zero == lows[cell])
            #expect(Double(zero) + Double(steps) * Double(scale) >= Double(highs[cell]) - 1e-6)
            if dtype == .f16 {
              #expect(Float(Float16(scale)) == scale && Float(Float16(zero)) == zero)
            }
          }
        }
      }
    }
  }

  @Test("masks exclude the marked values, or all others", arguments: levels)
  func exclusion(level: Int) {
    for count in [1, 8, 33, 1000] {
      let values = Self.values(count, seed: 3, ties: false)
      var random = SeededGenerator(seed: 4)
      let mask = (0..<Kernels.maskByteCount(elementCount: count)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      for isMarked in [true, false] {
        var buffer = ByteBuffer(byteCount: 4 * count)
        var span = buffer.mutableBytes
        span.copy(values.rawSpan)
        if isMarked {
          Kernels.levels[level].exclude(masked: mask.rawSpan, from: &span)
        } else {
          Kernels.levels[level].exclude(unmasked: mask.rawSpan, from: &span)
        }
        let found = span.bytes.floats()
        for index in 0..<count {
          let bit = mask[index / 8] >> UInt8(index % 8) & 1 == 1
          #expect(bit == isMarked ? found[index].isNaN : found[index] == values[index])
        }
      }
    }
  }

  @Test("skinny products keep their order of operations", arguments: levels, 1...9)
  func products(level: Int, rank: Int) {
    let kernels = Kernels.levels[level]
    for (rows, columns) in [(1, 1), (3, 16), (5, 64), (7, 100), (2, 129), (33, 7)] {
      let matrix = Self.values(rows * columns, seed: 1, ties: false)
      let v = Self.values(rank * columns, seed: 2, ties: false)
      let u = Self.values(rows * rank, seed: 3, ties: false)
      func run(_ count: Int, from start: [Float] = [], _ body: (inout MutableRawSpan) -> Void)
        -> [Float]
      {
        var buffer = ByteBuffer(byteCount: 4 * count)
        var span = buffer.mutableBytes
        span.fill()
        if !start.isEmpty { span.copy(start.rawSpan) }
        body(&span)
        return span.bytes.floats()
      }
      // Sixteen partial sums, added pairwise.
      let projected = run(rows * rank) {
        kernels.projectRows(
          of: matrix.rawSpan, on: v.rawSpan, rows: rows, columns: columns, rank: rank, into: &$0)
      }
      for row in 0..<rows {
        for k in 0..<rank {
          var lanes = [Float](repeating: 0, count: 16)
          for i in 0..<columns { lanes[i % 16] += matrix[row * columns + i] * v[k * columns + i] }
          for width in [8, 4, 2, 1] { for i in 0..<width { lanes[i] += lanes[i + width] } }
          #expect(projected[row * rank + k].bitPattern == lanes[0].bitPattern)
        }
      }
      let accumulated = run(rank * columns, from: v) {
        kernels.accumulateColumns(
          of: matrix.rawSpan, by: u.rawSpan, rows: rows, columns: columns, rank: rank, into: &$0)
      }
      let summed = run(rows * columns, from: matrix) {
        kernels.addLowRank(
          u: u.rawSpan, v: v.rawSpan, stride: columns, rows: rows, columns: columns, rank: rank,
          scale: 0.5, to: &$0)
      }
      for column in 0..<columns {
        for k in 0..<rank {
          var sum = v[k * columns + column]
          for row in 0..<rows { sum += u[row * rank + k] * matrix[row * columns + column] }
          #expect(accumulated[k * columns + column].bitPattern == sum.bitPattern)
        }
        for row in 0..<rows {
          var product: Float = 0
          for k in 0..<rank { product += u[row * rank + k] * v[k * columns + column] }
          let sum = matrix[row * columns + column] + 0.5 * product
          #expect(summed[row * columns + column].bitPattern == sum.bitPattern)
        }
      }
    }
  }
}
