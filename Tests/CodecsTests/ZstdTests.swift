import TensorCore
import TestSupport
import Testing
import Zstd

@Suite struct ZstdTests {
  static let settings: [ZstdSettings] = [.literals, .quickMatches, .matches]

  private static func skewed(count: Int) -> [UInt8] {
    var random = SeededGenerator(seed: 9)
    return (0..<count).map { _ in
      UInt8(
        min(UInt8.random(in: 0...255, using: &random), UInt8.random(in: 0...255, using: &random))
          / 32)
    }
  }

  @Test("what is compressed decompresses to the same bytes", arguments: settings)
  func roundTrip(settings: ZstdSettings) throws {
    let bytes = Self.skewed(count: 100_000)
    let zstd = Zstd()
    var frame = ByteBuffer(byteCount: bytes.count)
    var span = frame.mutableBytes
    let count = try #require(try zstd.compress(bytes.rawSpan, into: &span, settings))
    #expect(count < bytes.count / 2)
    var target = ByteBuffer(byteCount: bytes.count)
    var result = target.mutableBytes
    try zstd.decompress(span.bytes.extracting(0..<count), into: &result)
    let found = result.bytes.array()
    #expect(found == bytes)
  }

  @Test("literal-only settings come within 1 % of the entropy of independent bytes")
  func entropy() throws {
    let bytes = Self.skewed(count: 1 << 20)
    var counts = [Int](repeating: 0, count: 256)
    for byte in bytes { counts[Int(byte)] += 1 }
    let limit = PlaneEntropy.bits(of: counts) / 8
    var frame = ByteBuffer(byteCount: bytes.count)
    var span = frame.mutableBytes
    let count = try #require(try Zstd().compress(bytes.rawSpan, into: &span, .literals))
    // Huffman codes have whole bits: for three-bit symbols like these that costs most.
    #expect(Double(count) <= limit * 1.02)
  }

  @Test("a frame that does not fit is told of, a damaged one refused, a wrong length too")
  func faults() throws {
    let bytes = Self.skewed(count: 10_000)
    let zstd = Zstd()
    var small = ByteBuffer(byteCount: 100)
    var span = small.mutableBytes
    let none = try zstd.compress(bytes.rawSpan, into: &span, .literals)
    #expect(none == nil)

    var frame = ByteBuffer(byteCount: 10_000)
    var whole = frame.mutableBytes
    let count = try #require(try zstd.compress(bytes.rawSpan, into: &whole, .literals))
    for target in [9_999, 10_001, 0] {
      #expect(throws: ZstdFailure.self) {
        var buffer = ByteBuffer(byteCount: target)
        var result = buffer.mutableBytes
        try zstd.decompress(frame.bytes.extracting(0..<count), into: &result)
      }
    }
    #expect(throws: ZstdFailure.self) {
      var buffer = ByteBuffer(byteCount: 10_000)
      var result = buffer.mutableBytes
      try zstd.decompress(frame.bytes.extracting(0..<count - 1), into: &result)
    }
  }
}
