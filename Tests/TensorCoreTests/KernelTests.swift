import Base
import TensorCore
import TestSupport
import Testing

/// Compares every CPU level of this machine with plain Swift, bit for bit.
@Suite struct KernelTests {
  static let levels = Array(Kernels.levels.indices)
  static let lengths = [0, 1, 2, 7, 15, 16, 17, 63, 64, 65, 1023, 1024, 1025, 4100]

  /// Bytes of random bit patterns, with the special patterns of floats mixed in.
  static func values(_ dtype: DType, count: Int, seed: UInt64) -> [UInt8] {
    var random = SeededGenerator(seed: seed)
    let byteCount = (count * dtype.bitsPerElement + 7) / 8
    var bytes = (0..<byteCount).map { _ in UInt8.random(in: 0...255, using: &random) }
    let width = dtype.bitsPerElement / 8
    guard width > 1 else { return bytes }
    let specials: [UInt64] = [0, 1, 0x8000_0000_0000_0000, 0x7FF0_0000_0000_0000, UInt64.max >> 1]
    for (index, special) in specials.enumerated() where (index + 1) * width * 3 <= byteCount {
      for k in 0..<width {
        bytes[index * 3 * width + k] = UInt8(
          truncatingIfNeeded: special >> (64 - 8 * width + 8 * k))
      }
    }
    return bytes
  }

  @Test("every level converts F32 as plain Swift does", arguments: levels, lengths)
  func narrowing(level: Int, count: Int) throws {
    let source = Self.values(.f32, count: count, seed: UInt64(count))
    let floats = (0..<count).map {
      Float(bitPattern: source.rawSpan.littleEndian(UInt32.self, at: 4 * $0)!)
    }
    for dtype in [DType.f16, .bf16, .f64] {
      var buffer = ByteBuffer(byteCount: dtype.byteCount(of: count)!)
      var target = buffer.mutableBytes
      try Kernels.levels[level].convert(
        source.rawSpan, from: .f32, to: dtype, elementCount: count, saturating: false,
        into: &target)
      let expected = floats.flatMap { PlainCast.bytes(of: $0, as: dtype) }
      let found = buffer.bytes.array()
      #expect(found == expected, "\(dtype)")
    }
  }

  @Test("all levels return the bits of the first, for every pair of dtypes", arguments: levels)
  func levelsAgree(level: Int) throws {
    let count = 1040
    for from in DType.allCases {
      let source = Self.values(from, count: count, seed: UInt64(from.rawValue) + 1)
      for to in DType.allCases {
        for saturating in [false, true] {
          func converted(_ kernels: Kernels) -> ([UInt8], Kernels.ConversionError?) {
            var buffer = ByteBuffer(byteCount: to.byteCount(of: count)!)
            var target = buffer.mutableBytes
            target.fill()
            var failure: Kernels.ConversionError?
            do throws(Kernels.ConversionError) {
              try kernels.convert(
                source.rawSpan, from: from, to: to, elementCount: count, saturating: saturating,
                into: &target)
            } catch { failure = error }
            return (buffer.bytes.array(), failure)
          }
          let first = converted(Kernels.levels[0])
          let this = converted(Kernels.levels[level])
          #expect(first.0 == this.0 && first.1 == this.1, "\(from) to \(to)")
          let isRefused = this.1 == .unsupported(from: from, to: to)
          #expect(isRefused == ((from == .c64) != (to == .c64)), "\(from) to \(to)")
        }
      }
    }
  }

  @Test("float64 is rounded to a narrow dtype once, not twice", arguments: levels)
  func singleRounding(level: Int) throws {
    // 1 + 2^-8 + 2^-40 is just above a tie of bfloat16; rounding to float32 first would make it a tie.
    let value = 1.0 + 0x1p-8 + 0x1p-40
    var source = ByteBuffer(byteCount: 8)
    var span = source.mutableBytes
    span.storeLittleEndian(value.bitPattern, at: 0)
    var buffer = ByteBuffer(byteCount: 2)
    var target = buffer.mutableBytes
    try Kernels.levels[level].convert(
      source.bytes, from: .f64, to: .bf16, elementCount: 1, saturating: false, into: &target)
    let bits = buffer.bytes.littleEndian(UInt16.self, at: 0)
    #expect(bits == 0x3F81)
  }

  @Test(
    "planes contain byte k of each rotated word, and join to the words", arguments: levels, lengths)
  func planes(level: Int, count: Int) {
    let kernels = Kernels.levels[level]
    for width in [2, 4, 8] {
      for rotating in [false, true] {
        var random = SeededGenerator(seed: UInt64(width * count))
        let words = (0..<width * count).map { _ in UInt8.random(in: 0...255, using: &random) }
        var buffer = ByteBuffer(byteCount: words.count)
        var target = buffer.mutableBytes
        kernels.splitPlanes(words.rawSpan, width: width, rotating: rotating, into: &target)
        let planes = buffer.bytes.array()
        #expect(planes == Self.plainPlanes(words, width: width, rotating: rotating))
        var joined = ByteBuffer(byteCount: words.count)
        var result = joined.mutableBytes
        kernels.joinPlanes(
          planes.rawSpan, planes: (0..<width).map { $0 * count..<($0 + 1) * count },
          rotated: rotating, into: &result)
        let found = joined.bytes.array()
        #expect(found == words)
      }
    }
  }

  private static func plainPlanes(_ words: [UInt8], width: Int, rotating: Bool) -> [UInt8] {
    let count = words.count / width
    var planes = [UInt8](repeating: 0, count: words.count)
    for word in 0..<count {
      var bits = (0..<width).reduce(UInt64(0)) {
        $0 | UInt64(words[word * width + $1]) << (8 * $1)
      }
      if rotating { bits = bits << 1 | bits >> (8 * width - 1) }
      for k in 0..<width { planes[k * count + word] = UInt8(truncatingIfNeeded: bits >> (8 * k)) }
    }
    return planes
  }

  @Test("XXH64 equals the plain implementation", arguments: levels, lengths)
  func hash(level: Int, count: Int) {
    let bytes = Self.values(.u8, count: count, seed: 7)
    let (fast, plain) = (
      Kernels.levels[level].xxh64(bytes.rawSpan, seed: 5), XXH64.hash(bytes.span, seed: 5)
    )
    #expect(fast == plain)
  }

  @Test("a single nonzero byte is found at any offset", arguments: levels)
  func zeros(level: Int) {
    for count in 0..<200 {
      var bytes = [UInt8](repeating: 0, count: count)
      let isZero = Kernels.levels[level].isAllZero(bytes.rawSpan)
      #expect(isZero)
      for index in bytes.indices {
        bytes[index] = 0x10
        let isSeen = !Kernels.levels[level].isAllZero(bytes.rawSpan)
        #expect(isSeen)
        bytes[index] = 0
      }
    }
  }

  @Test("the first difference is found at any offset")
  func difference() {
    let bytes = Self.values(.u8, count: 150, seed: 3)
    let none = bytes.rawSpan.firstDifference(from: bytes.rawSpan)
    #expect(none == nil)
    for index in bytes.indices {
      var other = bytes
      other[index] ^= 1
      let found = bytes.rawSpan.firstDifference(from: other.rawSpan)
      #expect(found == index)
    }
  }
}

/// Casts of one value, written for clarity and not for speed.
enum PlainCast {
  static func bytes(of value: Float, as dtype: DType) -> [UInt8] {
    switch dtype {
    case .f64: littleEndian(float64(value), count: 8)
    case .f16: littleEndian(UInt64(float16(value)), count: 2)
    case .bf16: littleEndian(UInt64(bfloat16(value)), count: 2)
    default: preconditionFailure("no plain cast to \(dtype)")
    }
  }

  private static func littleEndian(_ bits: UInt64, count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
  }

  /// Converts to BF16; NaN becomes 0xFFFF, as in PyTorch's vectorized cast.
  private static func bfloat16(_ value: Float) -> UInt16 {
    guard !value.isNaN else { return 0xFFFF }
    let bits = value.bitPattern
    let (kept, rest) = (bits >> 16, bits & 0xFFFF)
    let isUp = rest > 0x8000 || (rest == 0x8000 && kept & 1 == 1)
    return UInt16(kept + (isUp ? 1 : 0))
  }

  private static func float16(_ value: Float) -> UInt16 {
    let sign = UInt16(value.bitPattern >> 16) & 0x8000
    guard !value.isNaN else {
      return sign | 0x7E00 | UInt16(truncatingIfNeeded: value.bitPattern >> 13 & 0x1FF)
    }
    let magnitude = value.magnitude
    // From half a unit above the largest finite value on, infinity is the nearest.
    guard magnitude < 65520 else { return sign | 0x7C00 }
    guard magnitude >= 0x1p-14 else {
      return sign | UInt16((magnitude * 0x1p24).rounded(.toNearestOrEven))
    }
    let exponent = Int(magnitude.exponent)
    let significand =
      Double(magnitude) / (exponent >= 0 ? Double(1 << exponent) : 1 / Double(1 << -exponent))
    let units = Int((significand * 1024).rounded(.toNearestOrEven))
    return sign | UInt16((exponent + 15) * 1024 + units - 1024)
  }

  private static func float64(_ value: Float) -> UInt64 {
    guard value.isNaN else { return Double(value).bitPattern }
    let bits = UInt64(value.bitPattern)
    return (bits & 0x8000_0000) << 32 | 0x7FF8_0000_0000_0000 | (bits & 0x3F_FFFF) << 29
  }
}
