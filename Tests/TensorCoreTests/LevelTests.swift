import Base
import TensorCore
import TestSupport
import Testing

/// Kernels of groups, codes, masks and matrices: every CPU level returns the bits of the first.
@Suite struct LevelTests {
  static let levels = Array(Kernels.levels.indices)
  static let lengths = [1, 7, 31, 64, 129, 1000, 4099]

  /// Returns weights that include zeros of both signs, small and large values.
  private static func floats(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).flatMap { index -> [UInt8] in
      let value: Float =
        switch index % 9 {
        case 3: 0
        case 5: -0
        case 7: Float.random(in: -1e-30...1e-30, using: &random)
        case 8: Float.random(in: -1e6...1e6, using: &random)
        default: Float.random(in: -1...1, using: &random)
        }
      return (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
    }
  }

  private static func bytes(_ count: Int, below limit: Int, seed: UInt64) -> [UInt8] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in UInt8.random(in: 0...UInt8(limit - 1), using: &random) }
  }

  /// Runs a kernel of the first level and of this level on filled buffers and compares the results.
  private func expectSame(
    _ level: Int, _ byteCount: Int, _ what: String, fill: [UInt8] = [],
    _ body: (Kernels, inout MutableRawSpan) -> Int
  ) {
    func run(_ kernels: Kernels) -> ([UInt8], Int) {
      var buffer = ByteBuffer(byteCount: byteCount)
      var span = buffer.mutableBytes
      span.fill()
      if !fill.isEmpty { span.copy(fill.rawSpan) }
      let number = body(kernels, &span)
      return (buffer.bytes.array(), number)
    }
    let (first, this) = (run(Kernels.levels[0]), run(Kernels.levels[level]))
    #expect(first.0 == this.0 && first.1 == this.1, "\(what)")
  }

  @Test("groups: ranges, scales, codes and values", arguments: levels, lengths)
  func groups(level: Int, count: Int) {
    let values = Self.floats(count, seed: UInt64(count))
    for (dimensions, axis, size) in [
      ([count], 0, 32), ([count], 0, 0), ([3, (count + 2) / 3 + 40], 1, 33),
      ([count / 4 + 3, 8], 0, 5),
    ] {
      let grouping = Grouping(dimensions: dimensions, axis: axis, size: size, start: 0)
      let cells = grouping.cellCount(elementCount: count)
      let what = "\(dimensions) along \(axis) by \(size)"
      expectSame(level, 8 * cells, what) {
        $0.groupRanges(values.rawSpan, grouping, into: &$1)
        return 0
      }
      var buffer = ByteBuffer(byteCount: 8 * cells)
      var span = buffer.mutableBytes
      Kernels.levels[0].groupRanges(values.rawSpan, grouping, into: &span)
      let ranges = buffer.bytes.array()
      for scaleDType in [DType.f16, .bf16, .f32] {
        expectSame(level, 4 * cells, "\(what), scales of \(scaleDType)") {
          $0.elementScales(
            ranges.rawSpan, scaleDType: scaleDType, limit: 6, largestExponent: 2, global: 1,
            into: &$1)
          return 0
        }
        for zero in ZeroPoint.allCases {
          expectSame(level, 8 * cells, "\(what), \(scaleDType), \(zero)") {
            $0.affineScales(
              ranges.rawSpan, bits: 4, zero: zero, scaleDType: scaleDType, into: &$1)
            return 0
          }
          var buffer = ByteBuffer(byteCount: 8 * cells)
          var span = buffer.mutableBytes
          Kernels.levels[0].affineScales(
            ranges.rawSpan, bits: 4, zero: zero, scaleDType: scaleDType, into: &span)
          let pairs = buffer.bytes.array()
          expectSame(level, count, "\(what), codes") {
            $0.affineEncode(
              values.rawSpan, grouping, pairs: pairs.rawSpan, bits: 4, zero: zero, into: &$1)
            return 0
          }
          let codes = Self.bytes(count, below: 16, seed: 3)
          expectSame(level, 4 * count, "\(what), values") {
            $0.affineDecode(
              codes.rawSpan, grouping, pairs: pairs.rawSpan, zero: zero, stepsDType: .f32,
              into: &$1)
            return 0
          }
        }
      }
    }
  }

  @Test("codes: packing at every width, and tables", arguments: levels, lengths)
  func codes(level: Int, count: Int) {
    for bits in 1...8 {
      let codes = Self.bytes(count, below: 1 << bits, seed: UInt64(bits))
      let byteCount = Kernels.packedByteCount(codes: count, bits: bits)
      expectSame(level, byteCount, "pack \(bits)") {
        $0.pack(codes.rawSpan, bits: bits, into: &$1)
        return $0.highestCode(codes.rawSpan)
      }
      var buffer = ByteBuffer(byteCount: byteCount)
      var span = buffer.mutableBytes
      Kernels.levels[level].pack(codes.rawSpan, bits: bits, into: &span)
      var unpacked = ByteBuffer(byteCount: count)
      var target = unpacked.mutableBytes
      Kernels.levels[level].unpack(buffer.bytes, bits: bits, into: &target)
      let found = unpacked.bytes.array()
      #expect(found == codes, "\(bits) bits")
    }
    let values = Self.floats(count, seed: 5)
    let entries = (0..<16).map { Float($0) / 8 - 1 }
    expectSame(level, count, "encode by table") {
      $0.encode(values.rawSpan, table: entries, into: &$1)
      return 0
    }
    let codes = Self.bytes(count, below: 256, seed: 6)
    expectSame(level, 4 * count, "decode by table") {
      $0.decode(codes.rawSpan, table: (0..<256).map { Float($0) * 0.37 }, into: &$1)
      return 0
    }
  }

  @Test("masks: created, counted, gathered, scattered and as gaps", arguments: levels, lengths)
  func masks(level: Int, count: Int) {
    for width in [1, 2, 4, 8] {
      let values = Self.bytes(width * count, below: 256, seed: 9).enumerated().map {
        $0.offset / width % 3 == 0 ? $0.element : 0
      }
      let maskByteCount = Kernels.maskByteCount(elementCount: count)
      expectSame(level, maskByteCount, "mask of \(width)") {
        $0.nonzeroMask(values.rawSpan, width: width, into: &$1)
      }
      let mask = Self.bytes(maskByteCount, below: 256, seed: 10)
      let kept = Kernels.levels[0].count(ofMask: mask.rawSpan, elementCount: count)
      #expect(Kernels.levels[level].count(ofMask: mask.rawSpan, elementCount: count) == kept)
      expectSame(level, width * kept, "gather \(width)") {
        $0.gather(values.rawSpan, width: width, mask: mask.rawSpan, into: &$1)
        return 0
      }
      let packed = Self.bytes(width * kept, below: 256, seed: 11)
      expectSame(level, width * count, "scatter \(width)") {
        $0.scatter(packed.rawSpan, width: width, mask: mask.rawSpan, into: &$1)
        return 0
      }
      expectSame(level, width * count, "replace \(width)", fill: values) {
        $0.replace(packed.rawSpan, width: width, mask: mask.rawSpan, in: &$1)
        return 0
      }
      expectSame(
        level, Kernels.maximumGapByteCount(positionCount: kept, elementCount: count), "gaps"
      ) { $0.encodeGaps(ofMask: mask.rawSpan, elementCount: count, into: &$1) }
    }
  }

  @Test("matrices: products, projections and distances", arguments: levels, [1, 3, 16, 67])
  func matrices(level: Int, columns: Int) {
    let (rows, rank) = (13, 5)
    let u = Self.floats(rows * rank, seed: 21)
    let v = Self.floats(rank * columns, seed: 22)
    let matrix = Self.floats(rows * columns, seed: 23)
    expectSame(level, 4 * rows * columns, "product", fill: matrix) {
      $0.addLowRank(
        u: u.rawSpan, v: v.rawSpan, stride: columns, rows: rows, columns: columns, rank: rank,
        scale: 0.25, to: &$1)
      return 0
    }
    expectSame(level, 4 * rows * rank, "projection") {
      $0.projectRows(
        of: matrix.rawSpan, on: v.rawSpan, rows: rows, columns: columns, rank: rank, into: &$1)
      return 0
    }
    expectSame(level, 4 * rank * columns, "accumulation", fill: v) {
      $0.accumulateColumns(
        of: matrix.rawSpan, by: u.rawSpan, rows: rows, columns: columns, rank: rank, into: &$1)
      return 0
    }
    expectSame(level, 4 * rank * columns, "orthonormal vectors", fill: v) {
      $0.orthonormalize(&$1, count: rank)
      return 0
    }
    let other = Self.floats(rows * columns, seed: 24)
    var (first, this) = (Distance(), Distance())
    Kernels.levels[0].addDistance(of: matrix.rawSpan, from: other.rawSpan, to: &first)
    Kernels.levels[level].addDistance(of: matrix.rawSpan, from: other.rawSpan, to: &this)
    #expect(first.squares == this.squares && first.largest == this.largest)
    #expect(first.normSquares == this.normSquares && first.squares > 0)
    let weights = Self.floats(rows * columns, seed: 25)
    (first, this) = (Distance(), Distance())
    Kernels.levels[0].addDistance(
      of: matrix.rawSpan, from: other.rawSpan, weights: weights.rawSpan, to: &first)
    Kernels.levels[level].addDistance(
      of: matrix.rawSpan, from: other.rawSpan, weights: weights.rawSpan, to: &this)
    #expect(first == this && first.squares != 0)
  }

  @Test("statistics: powers, histograms, peaks, ranks and patterns", arguments: levels, lengths)
  func statistics(level: Int, count: Int) {
    let values = Self.floats(count, seed: UInt64(count) + 30)
    let (first, this) = (Kernels.levels[0], Kernels.levels[level])
    for p in [0.5, 1, 2, 0.3, 1.7, 9] {
      let sum = first.powerSum(values.rawSpan, p: p)
      #expect(this.powerSum(values.rawSpan, p: p).bitPattern == sum.bitPattern, "power \(p)")
    }
    expectSame(level, Kernels.surveyCounterByteCount, "histogram") {
      $0.surveyHistogram(values.rawSpan, into: &$1)
      return 0
    }
    let mask = Self.bytes(Kernels.maskByteCount(elementCount: count), below: 256, seed: 31)
    expectSame(level, 4 * count, "exclusion", fill: values) {
      $0.exclude(unmasked: mask.rawSpan, from: &$1)
      return 0
    }
    for width in [1, 2, 4] {
      expectSame(level, 4 * count, "clearing \(width)", fill: values) {
        var part = $1._mutatingExtracting(0..<width * count)
        $0.clear(unmasked: mask.rawSpan, width: width, in: &part)
        return 0
      }
    }
    var slots = [UInt8](repeating: Kernels.noSlot, count: 1 << 16)
    for bin in 0x7E00..<0x7F00 { slots[bin] = UInt8(bin & 7) }
    var sums: [(Double, Double)] = []
    expectSame(level, 4 * count + 4, "collection") { kernels, found in
      let result = kernels.collect(
        values.rawSpan, slots: slots, above: (0x7E80, 0x7F00), into: &found)
      sums.append(result.squares)
      return result.count
    }
    #expect(sums[0] == sums[1])
    expectSame(level, 4 * count, "peaks") {
      $0.columnPeaks(values.rawSpan, columns: count, into: &$1)
      return 0
    }
    for rank in Set([0, count / 3, count - 1]) {
      expectSame(level, 4 * count, "rank \(rank)") {
        Int($0.magnitude(ofRank: rank, in: values.rawSpan, scratch: &$1))
      }
    }
    for (keep, group) in [(2, 4), (1, 4), (3, 4), (3, 7), (4, 8)] {
      expectSame(level, Kernels.maskByteCount(elementCount: count), "\(keep):\(group)") {
        $0.patternMask(values.rawSpan, keep: keep, group: group, into: &$1)
        return 0
      }
      var (expected, found) = (Kernels.PatternFit(), Kernels.PatternFit())
      first.patternFit(values.rawSpan, keep: keep, group: group, into: &expected)
      this.patternFit(values.rawSpan, keep: keep, group: group, into: &found)
      #expect(found.groups == expected.groups && found.fitting == expected.fitting)
      #expect(found.keptSquares.bitPattern == expected.keptSquares.bitPattern)
    }
  }

  @Test(
    "powers equal those of the mathematics library to 1e-13", arguments: [0.1, 0.5, 0.9, 1.3, 3])
  func powers(p: Double) {
    for exponent in stride(from: -140, through: 120, by: 7) {
      for mantissa in [1, 1.25, 1.4142, 1.5, 1.99] as [Float] {
        let value = mantissa * Float(sign: .plus, exponent: exponent, significand: 1)
        let expected = power(Double(value), p)
        let found = Kernels.best.powerSum([value].littleEndianBytes.rawSpan, p: p)
        #expect(abs(found - expected) <= 1e-13 * expected, "\(value)")
      }
    }
    #expect(
      Kernels.best.powerSum([0, .nan, .infinity, -0.0].littleEndianBytes.rawSpan, p: p) == 0)
  }
}
