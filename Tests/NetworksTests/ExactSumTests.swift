import Networks
import TestSupport
import Testing

/// Sums without rounding.
@Suite struct ExactSumTests {
  /// Finite float32 numbers of all exponents and both signs.
  private static func numbers(_ count: Int, seed: UInt64) -> [Float] {
    var random = SeededGenerator(seed: seed)
    var result: [Float] = []
    while result.count < count {
      let number = Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &random))
      if number.isFinite { result.append(number) }
    }
    return result
  }

  private static func sum(_ numbers: some Sequence<Float>) -> ExactSums {
    var sums = ExactSums(count: 1)
    for number in numbers { sums.add(number, at: 0) }
    return sums
  }

  @Test("integers are summed as integers are", arguments: 0..<20)
  func integers(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var (total, numbers) = (Int128(0), [Float]())
    for _ in 0..<1000 {
      let mantissa = Int128(Int32.random(in: -0xff_ffff...0xff_ffff, using: &random))
      let shift = Int.random(in: 0...60, using: &random)
      total += mantissa << Int128(shift)
      numbers.append(Float(sign: .plus, exponent: shift, significand: Float(mantissa)))
    }
    #expect(Self.sum(numbers).numbers == [Double(total)])
    let small = numbers.map { Float(sign: .plus, exponent: -100, significand: $0) }
    let expected = Double(sign: .plus, exponent: -100, significand: Double(total))
    #expect(Self.sum(small).numbers == [expected])
  }

  @Test("the order of the numbers does not matter, nor how they are divided", arguments: 0..<20)
  func order(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let numbers = Self.numbers(500, seed: seed)
    let expected = Self.sum(numbers)
    #expect(Self.sum(numbers.shuffled(using: &random)) == expected)
    let cut = Int.random(in: 0...500, using: &random)
    var parts = Self.sum(numbers[cut...])
    parts.add(Self.sum(numbers[..<cut]))
    #expect(parts == expected)
  }

  @Test("numbers that cancel leave nothing", arguments: 0..<20)
  func cancellation(seed: UInt64) {
    let numbers = Self.numbers(500, seed: seed)
    #expect(Self.sum(numbers + numbers.reversed().map { -$0 }) == ExactSums(count: 1))
    #expect(Self.sum(numbers + numbers.reversed().map { -$0 } + [0.5]).numbers == [0.5])
  }

  @Test(
    "a sum is rounded once, to the nearest and on a tie to the even number",
    arguments: [
      ([0x1p53, 1], 0x1p53), ([0x1p53, 1, .leastNonzeroMagnitude], 0x1p53 + 2),
      ([0x1p53, 1, -.leastNonzeroMagnitude], 0x1p53), ([0x1p53, 2, 1], 0x1p53 + 4),
      ([-0x1p53, -1, -0x1p-90], -0x1p53 - 2), ([.leastNonzeroMagnitude], 0x1p-149),
      ([-.leastNonzeroMagnitude, .leastNormalMagnitude], 0x1p-126 - 0x1p-149),
      ([.greatestFiniteMagnitude, .greatestFiniteMagnitude], 0x1.fffffep128),
    ] as [([Float], Double)])
  func rounding(numbers: [Float], expected: Double) {
    #expect(Self.sum(numbers).numbers == [expected])
    #expect(Self.sum(numbers.map { -$0 }).numbers == [-expected])
  }

  @Test("bytes are read back, and damaged ones are refused", arguments: 0..<20)
  func bytes(seed: UInt64) {
    var sums = ExactSums(count: 7)
    for (index, number) in Self.numbers(40, seed: seed).enumerated() {
      sums.add(number, at: index % 6)
    }
    var bytes = sums.bytes[...]
    let whole = bytes
    bytes += [9]
    #expect(ExactSums(count: 7, bytes: &bytes) == sums)
    #expect(Array(bytes) == [9])
    for length in 0..<whole.count {
      var short = whole.prefix(length)
      #expect(ExactSums(count: 7, bytes: &short) == nil)
    }
    var long: ArraySlice<UInt8> = [0, 41] + [UInt8](repeating: 1, count: 41)
    #expect(ExactSums(count: 1, bytes: &long) == nil)
    var empty: ArraySlice<UInt8> = [0, 0]
    #expect(ExactSums(count: 1, bytes: &empty) == nil)
  }
}
