import Base
import Codecs
import TensorCore
import TestSupport
import Testing

/// The requirements for every index codec of the registry.
@Suite struct IndexCodecContractTests {
  static func codecs(_ dimensions: [Int]) -> [any IndexCodec] {
    [
      BitmaskIndex(), Gap8Index(),
      NMIndex(kept: 2, of: 4, dimensions: dimensions),
      NMIndex(kept: 1, of: 2, dimensions: dimensions),
      NMIndex(kept: 4, of: 8, dimensions: dimensions),
      NMIndex(kept: 3, of: 7, dimensions: dimensions),
      NMIndex(kept: 8, of: 16, dimensions: dimensions),
      BlockIndex(rows: 1, columns: 1, dimensions: dimensions),
      BlockIndex(rows: 4, columns: 16, dimensions: dimensions),
      BlockIndex(rows: 300, columns: 5, dimensions: dimensions),
    ]
  }

  /// Whole tensors, and a part of a long row.
  static let layouts = [
    ChunkLayout(dtype: .f32, dimensions: [1], elements: 0..<1),
    ChunkLayout(dtype: .f32, dimensions: [8, 16], elements: 0..<128),
    ChunkLayout(dtype: .f32, dimensions: [7, 61], elements: 0..<427),
    ChunkLayout(dtype: .f32, dimensions: [40, 61], elements: 610..<1220),
    ChunkLayout(dtype: .f32, dimensions: [2, 9001], elements: 9001 + 17..<9001 + 5000),
    ChunkLayout(dtype: .f32, dimensions: [3, 3, 3], elements: 0..<27),
  ]

  private static func mask(_ layout: ChunkLayout, share: Double, perGroup: Bool) -> [UInt8] {
    var random = SeededGenerator(seed: UInt64(share * 1000) + 3)
    var bits = [UInt8](repeating: 0, count: (layout.elementCount + 7) / 8)
    for index in 0..<layout.elementCount where Double.random(in: 0..<1, using: &random) < share {
      bits[index / 8] |= 1 << UInt8(index % 8)
    }
    return bits
  }

  private static func mutable<Result>(
    _ bytes: [UInt8], _ body: (inout MutableRawSpan) throws -> Result
  ) rethrows -> (Result, [UInt8]) {
    var buffer = ByteBuffer(byteCount: bytes.count)
    var span = buffer.mutableBytes
    span.copy(bytes.rawSpan)
    let result = try body(&span)
    return (result, buffer.bytes.array())
  }

  private static func count(_ mask: [UInt8]) -> Int {
    mask.reduce(0) { $0 + $1.nonzeroBitCount }
  }

  @Test("ids and names are unique, and every codec is tested")
  func identity() {
    let all = CodecRegistry.indexCodecs
    #expect(Set(all.map { $0.id }).count == all.count)
    #expect(Set(all.map { $0.name }) == Set(Self.codecs([4]).map(\.name)))
    #expect(!all.contains { $0.id == 0 }, "0 means no codec")
  }

  @Test("parameters round-trip, and none may be missing or added")
  func parameters() throws {
    for codec in Self.codecs([4, 64]) {
      let type = Swift.type(of: codec)
      #expect(
        try type.init(codec.parameters, dimensions: [4, 64]).parameters == codec.parameters)
      for (key, _) in codec.parameters {
        var fewer = codec.parameters
        fewer[key] = nil
        #expect(throws: CodecProblem.self) { try type.init(fewer, dimensions: [4, 64]) }
      }
      var more = codec.parameters
      more["surprise"] = 1
      #expect(throws: CodecProblem.self) { try type.init(more, dimensions: [4, 64]) }
    }
  }

  @Test(
    "a mask round-trips without losing a position, and lengths are as declared",
    arguments: layouts, [0, 0.001, 0.05, 0.3, 0.5, 1])
  func roundTrip(layout: ChunkLayout, share: Double) throws {
    let wanted = Self.mask(layout, share: share, perGroup: false)
    for codec in Self.codecs(layout.dimensions) {
      let (fits, mask) = Self.mutable(wanted) { codec.complete(&$0, layout) }
      guard fits else {
        #expect(codec is NMIndex, "only patterns reject a mask")
        continue
      }
      for (before, after) in zip(wanted, mask) { #expect(before & ~after == 0) }
      let count = Self.count(mask)
      let limits = codec.streamByteCounts(layout, valueCount: count)
      try codec.check(valueCount: count, layout)
      let room = [UInt8](repeating: 0xAA, count: limits.reduce(0) { $0 + $1.upperBound })
      let (lengths, streams) = Self.mutable(room) {
        codec.encode(mask.rawSpan, layout, valueCount: count, into: &$0)
      }
      #expect(lengths.count == limits.count)
      for (length, limit) in zip(lengths, limits) { #expect(limit.contains(length)) }
      let (_, found) = try Self.mutable([UInt8](repeating: 0xFF, count: mask.count)) {
        try codec.decode(
          streams.rawSpan, streams: [0..<lengths[0]], layout, valueCount: count, into: &$0)
      }
      #expect(found == mask, "\(codec.label) \(layout.dimensions)")
      // A number of values that differs from that of the mask is rejected.
      for wrong in [count - 1, count + 1] where wrong >= 0 {
        #expect(throws: CodecProblem.self, "\(codec.label)") {
          _ = try Self.mutable(mask) {
            try codec.decode(
              streams.rawSpan, streams: [0..<lengths[0]], layout, valueCount: wrong, into: &$0)
          }
        }
      }
    }
  }

  @Test("2:4 needs one byte for twelve elements, numbered as the patterns of two positions")
  func twoOfFour() {
    let layout = ChunkLayout(dtype: .f32, dimensions: [1, 12], elements: 0..<12)
    let codec = NMIndex(kept: 2, of: 4, dimensions: [1, 12])
    // Positions {0,2}, {1,2}, {2,3}: numbers 1, 3, 5.
    let mask: [UInt8] = [0b0110_0101, 0b1100]
    let (lengths, streams) = Self.mutable([0, 0]) {
      codec.encode(mask.rawSpan, layout, valueCount: 6, into: &$0)
    }
    #expect(lengths == [1])
    #expect(streams[0] == 1 + 3 * 6 + 5 * 36)
  }

  @Test("gaps over 254 are written as bytes 255 and a remainder")
  func longGaps() {
    let layout = ChunkLayout(dtype: .f32, dimensions: [1000], elements: 0..<1000)
    var mask = [UInt8](repeating: 0, count: 125)
    for index in [254, 255 + 255, 999] { mask[index / 8] |= 1 << UInt8(index % 8) }
    let (lengths, streams) = Self.mutable([UInt8](repeating: 0, count: 10)) {
      Gap8Index().encode(mask.rawSpan, layout, valueCount: 3, into: &$0)
    }
    // Gaps of 254, 255 and 488 elements.
    #expect(Array(streams[..<lengths[0]]) == [254, 255, 0, 255, 233])
  }

  @Test(
    "invalid streams are rejected",
    arguments: [
      ([5, 5], 2, "second position after the end"), ([9, 0], 2, "after the end"),
      ([255], 1, "no position"), ([0, 255], 1, "a gap after the last position"),
      ([1], 2, "one position too few"),
    ] as [([UInt8], Int, String)])
  func badGaps(stream: [UInt8], count: Int, what: String) {
    let layout = ChunkLayout(dtype: .f32, dimensions: [10], elements: 0..<10)
    #expect(throws: CodecProblem.self, "\(what)") {
      _ = try Self.mutable([0, 0]) {
        try Gap8Index().decode(
          stream.rawSpan, streams: [0..<stream.count], layout, valueCount: count, into: &$0)
      }
    }
  }
}
