import Base
import TensorCore
import TestSupport
import Testing

/// Kernels of merging: their results, and identical bits on every CPU level.
@Suite struct MergeKernelTests {
  static let levels = Array(Kernels.levels.indices)
  static let lengths = [0, 1, 15, 16, 17, 100, 4099]

  private static func floats(_ count: Int, seed: UInt64, zeros: Bool = true) -> [Float] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { index in
      zeros && index % 7 == 3 ? 0 : Float.random(in: -1...1, using: &random)
    }
  }

  /// Returns the result of `body` on a copy of the values.
  private static func changed(
    _ values: [Float], scratch: Int = 0,
    _ body: (inout MutableRawSpan, inout MutableRawSpan) -> Void
  ) -> [Float] {
    var buffer = ByteBuffer(byteCount: 4 * values.count)
    var room = ByteBuffer(byteCount: scratch)
    var span = buffer.mutableBytes
    span.copy(values.rawSpan)
    var rest = room.mutableBytes
    body(&span, &rest)
    return buffer.bytes.array().floats
  }

  @Test("uniform numbers of a kernel equal those of the elements", arguments: levels)
  func uniforms(level: Int) {
    let random = ElementRandom(tensorName: "model.w", seed: 9)
    for start in [0, 5, (1 << 32) - 7] {
      let found = Self.changed([Float](repeating: 0, count: 35)) { span, _ in
        Kernels.levels[level].uniforms(key: random.key, start: start, into: &span)
      }
      #expect(found == (0..<35).map { random.uniform(at: UInt64(start + $0)) })
    }
  }

  @Test("random selection depends on stream and element alone", arguments: levels, lengths)
  func chance(level: Int, count: Int) {
    let key = ElementRandom(tensorName: "w", seed: 3).key
    let values = Self.floats(count, seed: 1, zeros: false)
    func kept(_ kernels: Kernels, _ stream: UInt64, from start: Int = 0) -> [Float] {
      Self.changed(Array(values[start...])) { span, _ in
        kernels.keepRandomly(&span, share: 0.3, key: key, start: start, stream: stream)
      }
    }
    let all = kept(Kernels.levels[level], 0)
    let uniforms = Self.changed(values) { span, _ in
      Kernels.levels[level].uniforms(key: key, start: 0, into: &span)
    }
    #expect(all == zip(values, uniforms).map { $1 < 0.3 ? $0 : 0 })
    #expect(kept(Kernels.levels[level], 1) == kept(Kernels.levels[0], 1))
    if count > 50 {
      #expect(kept(Kernels.levels[level], 0, from: 41) == Array(all[41...]))
      #expect(kept(Kernels.levels[level], 1) != all)
    }
  }

  @Test("ranges of magnitudes keep exactly their values", arguments: levels, lengths)
  func range(level: Int, count: Int) {
    // There are few different magnitudes, so many are equal.
    let values = Self.floats(count, seed: 2).map { ($0 * 4).rounded() / 4 }
    for (low, high) in [(0.25, 0.75), (0.0, 0.5), (0.5, 0.5), (0.75, 2.0)] as [(Float, Float)] {
      for (lowEnd, highEnd) in [(0, 0), (.max, .max), (3, 20), (20, 3), (count, 0)] {
        let found = Self.changed(values) { span, _ in
          Kernels.levels[level].keep(
            &span, low: low.bitPattern, lowEnd: lowEnd, high: high.bitPattern, highEnd: highEnd)
        }
        let wanted = values.enumerated().map { index, value -> Float in
          let size = abs(value)
          let isAbove = size > low || (size == low && index < lowEnd)
          let isBelow = size < high || (size == high && index < highEnd)
          return isAbove && isBelow ? value : 0
        }
        #expect(found == wanted, "\(low) \(high) \(lowEnd) \(highEnd)")
      }
    }
  }

  @Test("chances increase with rank from the smallest to the largest", arguments: levels)
  func ranks(level: Int) {
    let (rows, columns) = (9, 301)
    let values = Self.floats(rows * columns, seed: 4).map { ($0 * 64).rounded() / 64 }
    let random = ElementRandom(tensorName: "w", seed: 5)
    let found = Self.changed(
      values, scratch: Kernels.rankScratchByteCount(columns: columns)
    ) { span, scratch in
      Kernels.levels[level].keepByRank(
        &span, columns: columns, chances: 0.2...0.6, key: random.key, start: 17, stream: 0,
        scratch: &scratch)
    }
    for row in 0..<rows {
      let part = Array(values[row * columns..<(row + 1) * columns])
      // Among equal magnitudes, the first has the highest rank.
      let order = part.indices.sorted {
        abs(part[$0]) != abs(part[$1]) ? abs(part[$0]) < abs(part[$1]) : $0 > $1
      }
      for (rank, index) in order.enumerated() {
        let chance = 0.2 + (0.6 - 0.2) / Double(columns - 1) * Double(rank)
        let uniform = random.uniform(at: UInt64(17 + row * columns + index))
        let wanted = Double(uniform) < chance ? part[index] : 0
        #expect(found[row * columns + index] == wanted)
      }
    }
    // In a row of one value the chance is the mean.
    let single = Self.changed([1, 1, 1, 1], scratch: 16) { span, scratch in
      Kernels.levels[level].keepByRank(
        &span, columns: 1, chances: 0.2...0.6, key: random.key, start: 0, stream: 0,
        scratch: &scratch)
    }
    #expect(single == (0..<4).map { random.uniform(at: $0) < 0.4 ? 1 : 0 })
  }

  @Test("task vectors are summed by the formula", arguments: levels, lengths)
  func taskVectors(level: Int, count: Int) {
    let base = Self.floats(count, seed: 6)
    let deltas = (0..<3).map { Self.floats(count, seed: UInt64(10 + $0)) }
    let flat = deltas.flatMap(\.self)
    for (elects, normalizes) in [(false, false), (false, true), (true, false), (true, true)] {
      let sum = Kernels.TaskVectorSum(
        factors: [1, 0.5, 2], weights: [0.7, 0.4, -0.2], elects: elects, normalizes: normalizes,
        lambda: 1.3)
      let found = Self.changed(base) { span, _ in
        Kernels.levels[level].add(flat.rawSpan, sum, to: &span)
      }
      let wanted = base.indices.map { index -> Float in
        let parts = (0..<3).map { deltas[$0][index] * sum.factors[$0] * sum.weights[$0] }
        var total = parts[0] + parts[1] + parts[2]
        var weight = sum.weights[0] + sum.weights[1] + sum.weights[2]
        if elects {
          let isPositive = total >= 0
          let counts = parts.map { isPositive ? $0 > 0 : $0 < 0 }
          (total, weight) = (0, 0)
          for k in 0..<3 where counts[k] {
            total += parts[k]
            weight += sum.weights[k]
          }
          if weight == 0 { weight = 1 }
        }
        if normalizes { total /= weight }
        return base[index] + total * sum.lambda
      }
      #expect(found == wanted, "\(elects) \(normalizes)")
    }
  }

  @Test("pairs, counts and indexes are correct", arguments: levels, lengths)
  func pairs(level: Int, count: Int) {
    let (a, b) = (Self.floats(count, seed: 7), Self.floats(count, seed: 8))
    var (pair, first) = (Kernels.PairSums(), Kernels.PairSums())
    Kernels.levels[level].compare(a.rawSpan, b.rawSpan, into: &pair)
    Kernels.levels[0].compare(a.rawSpan, b.rawSpan, into: &first)
    #expect(pair.squares == first.squares && pair.product == first.product)
    let product = zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    #expect(abs(pair.product - product) < 1e-9)
    let both = zip(a, b).filter { $0 != 0 && $1 != 0 }
    #expect(pair.shared == both.count)
    let opposed = both.filter { ($0.0 > 0) != ($0.1 > 0) }.count
    #expect(pair.opposed == opposed)
    let counts = Kernels.levels[level].count(ofMagnitude: 0, in: a.rawSpan)
    let zeros = a.filter { $0 == 0 }.count
    #expect(counts.equal == zeros && counts.above == count - zeros)
    var holed = a
    #expect(Kernels.levels[level].firstNaN(holed.rawSpan) == nil)
    if count > 0 {
      holed[count / 2] = .nan
      #expect(Kernels.levels[level].firstNaN(holed.rawSpan) == count / 2)
    }
  }
}
