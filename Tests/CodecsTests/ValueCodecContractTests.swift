import Codecs
import TensorCore
import TestSupport
import Testing

/// What every value codec of the registry must do.
@Suite struct ValueCodecContractTests {
  static let places = Array(CodecRegistry.valueCodecs.indices)
  static let counts = [0, 1, 2, 3, 7, 8, 64, 1000, 4099]

  private static func bytes(count: Int, seed: UInt64) -> [UInt8] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
  }

  private static func encoded(
    _ values: [UInt8], by codec: any ValueCodec, _ dtype: DType, _ count: Int
  )
    -> [UInt8]
  {
    let lengths = codec.streamByteCounts(dtype: dtype, elementCount: count)
    var buffer = ByteBuffer(byteCount: lengths.reduce(0, +))
    var streams = buffer.mutableBytes
    codec.encode(values.rawSpan, dtype: dtype, elementCount: count, into: &streams)
    return buffer.bytes.array()
  }

  @Test("ids and names are unique")
  func identity() {
    #expect(Set(CodecRegistry.valueCodecs.map(\.id)).count == Self.places.count)
    #expect(Set(CodecRegistry.valueCodecs.map(\.name)).count == Self.places.count)
    for codec in CodecRegistry.valueCodecs {
      #expect(CodecRegistry.valueCodec(id: codec.id)?.name == codec.name)
      #expect(CodecRegistry.valueCodec(named: codec.name)?.id == codec.id)
    }
  }

  @Test(
    "lossless codecs give every bit back, wherever streams lie", arguments: places, DType.allCases)
  func roundTrip(place: Int, dtype: DType) {
    let codec = CodecRegistry.valueCodecs[place]
    for count in Self.counts {
      guard codec.isLossless, let byteCount = dtype.byteCount(of: count) else { continue }
      let values = Self.bytes(count: byteCount, seed: UInt64(count) + 1)
      let streams = Self.encoded(values, by: codec, dtype, count)
      // Streams in reverse order with gaps between them.
      var buffer: [UInt8] = []
      var ranges: [Range<Int>] = []
      var end = streams.count
      for length in codec.streamByteCounts(dtype: dtype, elementCount: count).reversed() {
        buffer += [0xAA, 0xBB, 0xCC]
        ranges.insert(buffer.count..<buffer.count + length, at: 0)
        buffer += streams[end - length..<end]
        end -= length
      }
      var target = ByteBuffer(byteCount: byteCount)
      var span = target.mutableBytes
      codec.decode(
        buffer.rawSpan, streams: ranges, dtype: dtype, elementCount: count, into: &span)
      let decoded = target.bytes.array()
      #expect(decoded == values, "\(codec.name) \(dtype.name) \(count)")
    }
  }
}

@Suite struct PlanesCodecTests {
  @Test("a bfloat16 splits into mantissa with sign, and exponent")
  func exponentPlane() {
    // 1.0, -1.0, 0.5: 3F80, BF80, 3F00; rotated 7F00, 7F01, 7E00.
    let values: [UInt8] = [0x80, 0x3F, 0x80, 0xBF, 0x00, 0x3F]
    let codec = PlanesCodec()
    var buffer = ByteBuffer(byteCount: 6)
    var streams = buffer.mutableBytes
    codec.encode(values.rawSpan, dtype: .bf16, elementCount: 3, into: &streams)
    let found = buffer.bytes.array()
    #expect(found == [0x00, 0x01, 0x00, 0x7F, 0x7F, 0x7E])
  }

  @Test(
    "integers are not rotated, complex numbers are two words, bytes are one plane",
    arguments: [
      (DType.u16, [0x34, 0x92], [0x34, 0x92], 2),
      (.c64, [1, 2, 3, 0x84, 5, 6, 7, 8], [3, 10, 4, 12, 6, 14, 8, 16], 4),
      (.f8E4M3, [0x81], [0x81], 1),
    ] as [(DType, [UInt8], [UInt8], Int)])
  func words(dtype: DType, values: [UInt8], planes: [UInt8], streamCount: Int) {
    let codec = PlanesCodec()
    #expect(codec.streamByteCounts(dtype: dtype, elementCount: 1).count == streamCount)
    var buffer = ByteBuffer(byteCount: values.count)
    var streams = buffer.mutableBytes
    codec.encode(values.rawSpan, dtype: dtype, elementCount: 1, into: &streams)
    let found = buffer.bytes.array()
    #expect(found == planes)
  }
}
