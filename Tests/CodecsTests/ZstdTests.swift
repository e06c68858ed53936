import Base
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

  @Test("compressed data decompresses to the same bytes", arguments: settings)
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

  @Test("literal-only settings are within 1 % of the entropy of independent bytes")
  func entropy() throws {
    let bytes = Self.skewed(count: 1 << 20)
    var counts = [Int](repeating: 0, count: 256)
    for byte in bytes { counts[Int(byte)] += 1 }
    let limit = PlaneEntropy.bits(of: counts) / 8
    var frame = ByteBuffer(byteCount: bytes.count)
    var span = frame.mutableBytes
    let count = try #require(try Zstd().compress(bytes.rawSpan, into: &span, .literals))
    // Huffman codes have whole bits, which costs most for three-bit symbols like these.
    #expect(Double(count) <= limit * 1.02)
  }

  @Test("only exactly one frame is accepted")
  func oneFrame() throws {
    let bytes = Self.skewed(count: 1000)
    let zstd = Zstd()
    var buffer = ByteBuffer(byteCount: 1000)
    var span = buffer.mutableBytes
    let count = try #require(try zstd.compress(bytes.rawSpan, into: &span, .literals))
    let frame = span.bytes.extracting(0..<count).array()
    let skippable: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0]
    let empty: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x20, 0, 1, 0, 0]
    for other in [skippable + frame, frame + skippable, frame + empty, empty + frame, frame + [0]] {
      #expect(throws: ZstdFailure.self) {
        var target = ByteBuffer(byteCount: 1000)
        var result = target.mutableBytes
        try zstd.decompress(other.rawSpan, into: &result)
      }
    }
  }

  @Test("a frame that does not fit is reported; damaged frames and wrong lengths are rejected")
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
