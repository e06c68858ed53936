import Base
import Codecs
import TensorCore
import TestSupport
import Testing

/// The requirements for every value codec of the registry.
@Suite struct ValueCodecContractTests {
  /// A codec with parameters and its maximum error: the largest difference between a value and the decoded value, as
  /// a share of the largest magnitude of its group.
  struct Example: Sendable, CustomTestStringConvertible {
    var codec: any ValueCodec
    var share: Float
    var testDescription: String { codec.label }

    init(_ codec: any ValueCodec, _ share: Float = 0) {
      self.codec = codec
      self.share = share
    }
  }

  private static let g32 = GroupSpec(axis: 1, size: 32)

  static let examples: [Example] =
    [Example(RawCodec()), Example(PlanesCodec()), Example(ConstantCodec())]
    + (2...8).map { bits in
      // Half a step, plus the rounding of the scale.
      Example(
        AffineCodec(bits: bits, groups: g32), 0.502 / Float((1 << (bits - 1)) - 1) + 0.0005)
    }
    + (1...8).flatMap { bits in
      [ZeroPoint.integer, .float].map { zero in
        // The range is at most twice the largest magnitude; integer zero points shift it by half a step.
        Example(
          AffineCodec(
            bits: bits, groups: GroupSpec(axis: 0, size: 3), scaleDType: .bf16, zero: zero,
            packing: .bits), 2.04 / Float((1 << bits) - 1) + 0.01)
      }
    }
    + [
      Example(
        AffineCodec(
          bits: 4, groups: g32, scaleDType: .bf16, zero: .float, arithmetic: .steps), 0.09),
      // Half the distance between the largest elements, 32 of 448 and 8192 of 57,344.
      Example(FP8Codec(groups: g32), 0.0358),
      Example(FP8Codec(element: .f8E5M2, groups: g32, scaleDType: .f16), 0.0715 + 0.0005),
      // Values of up to twice the largest element are clamped.
      Example(MXCodec(element: .f4, groups: g32), 0.26),
      Example(MXCodec(element: .f6E2M3, groups: g32), 0.07),
      Example(MXCodec(element: .f6E3M2, groups: g32, packing: .bits), 0.13),
      Example(MXCodec(element: .f8E4M3, groups: g32), 0.13),
      Example(MXCodec(element: .f8E5M2, groups: g32), 0.13),
      Example(NVFP4Codec(groups: GroupSpec(axis: 1, size: 16), global: 0.0005), 0.24),
      Example(CodebookCodec(table: CodebookCodec.nf4, groups: g32), 0.153),
      Example(
        CodebookCodec(table: [-1, -0.5, 0, 0.5, 1], groups: g32, scaleDType: .bf16), 0.256),
      Example(GgmlCodec(type: GgmlCodec.types[0]), 0.13),
      Example(GgmlCodec(type: GgmlCodec.types[1]), 0.07),
      Example(GgmlCodec(type: GgmlCodec.types[2]), 0.065),
      Example(GgmlCodec(type: GgmlCodec.types[3]), 0.035),
      Example(GgmlCodec(type: GgmlCodec.types[4]), 0.0045),
    ]

  // MARK: Helpers

  static func streams(
    of codec: any ValueCodec, _ values: borrowing RawSpan, _ layout: ChunkLayout
  ) -> [UInt8] {
    let lengths = codec.streamByteCounts(layout)
    var buffer = ByteBuffer(byteCount: lengths.reduce(0, +))
    var room = ByteBuffer(byteCount: codec.scratchByteCount(layout))
    var streams = buffer.mutableBytes
    var scratch = room.mutableBytes
    codec.encode(values, layout, into: &streams, scratch: &scratch)
    return buffer.bytes.array()
  }

  /// Decodes streams that are stored in reverse order with gaps between them.
  static func values(
    of codec: any ValueCodec, _ streams: [UInt8], _ layout: ChunkLayout
  ) throws -> [UInt8] {
    var buffer: [UInt8] = []
    var ranges: [Range<Int>] = []
    var end = streams.count
    for length in codec.streamByteCounts(layout).reversed() {
      buffer += [0xAA, 0xBB, 0xCC]
      ranges.insert(buffer.count..<buffer.count + length, at: 0)
      buffer += streams[end - length..<end]
      end -= length
    }
    var target = ByteBuffer(byteCount: codec.valueByteCount(layout))
    var room = ByteBuffer(byteCount: codec.scratchByteCount(layout))
    var values = target.mutableBytes
    var scratch = room.mutableBytes
    try codec.decode(buffer.rawSpan, streams: ranges, layout, into: &values, scratch: &scratch)
    return target.bytes.array()
  }

  static func floats(_ bytes: [UInt8]) -> [Float] {
    (0..<bytes.count / 4).map {
      Float(bitPattern: bytes.rawSpan.littleEndian(UInt32.self, at: 4 * $0)!)
    }
  }

  /// Returns layouts of shapes whose rows are multiples of groups and of shapes whose rows are not, whole and in part.
  static func layouts(_ dtype: DType, for codec: any ValueCodec) -> [ChunkLayout] {
    var random = SeededGenerator(seed: 11)
    var shapes = [[1, 1], [1, 32], [3, 64], [7, 33], [5, 70], [2, 4099], [0, 8]]
    shapes += (0..<6).map { _ in
      [Int.random(in: 1...9, using: &random), Int.random(in: 1...300, using: &random)]
    }
    if codec is GgmlCodec { shapes = shapes.map { [$0[0], ($0[1] + 31) / 32 * 32] } }
    return shapes.flatMap { shape -> [ChunkLayout] in
      let count = shape.reduce(1, *)
      let whole = ChunkLayout(dtype: dtype, dimensions: shape, elements: 0..<count)
      guard shape[0] > 2, !(codec is GgmlCodec) else { return [whole] }
      // From the second row to the middle of the last row.
      let part = shape[1]..<count - shape[1] / 2
      return [whole, ChunkLayout(dtype: dtype, dimensions: shape, elements: part)]
    }
  }

  // MARK: Identity and parameters

  @Test("ids and names are unique, and every codec has an example")
  func identity() {
    let all = CodecRegistry.valueCodecs
    #expect(Set(all.map { $0.id }).count == all.count)
    #expect(Set(all.map { $0.name }).count == all.count)
    #expect(Set(all.map { $0.name }) == Set(Self.examples.map(\.codec.name)))
    for type in all { #expect(CodecRegistry.valueCodec(named: type.name)?.id == type.id) }
  }

  @Test("parameters round-trip, and none may be missing or added", arguments: examples)
  func parameters(_ example: Example) throws {
    let codec = example.codec
    let type = Swift.type(of: codec)
    let dimensions = [4, 64]
    func made(_ parameters: CBORMap) throws -> any ValueCodec {
      try type.init(parameters, dtype: .f32, dimensions: dimensions)
    }
    #expect(try made(codec.parameters).parameters == codec.parameters)
    for (key, _) in codec.parameters {
      var fewer = codec.parameters
      fewer[key] = nil
      #expect(throws: CodecProblem.self, "\(key)") { try made(fewer) }
      var other = codec.parameters
      other[key] = .null
      #expect(throws: CodecProblem.self, "\(key)") { try made(other) }
    }
    var more = codec.parameters
    more["surprise"] = 1
    #expect(throws: CodecProblem.self) { try made(more) }
  }

  // MARK: Values

  @Test(
    "lossless codecs restore every bit, wherever the streams are stored",
    arguments: examples.filter(\.codec.isLossless), DType.allCases)
  func lossless(_ example: Example, dtype: DType) throws {
    for count in [0, 1, 2, 3, 7, 8, 64, 1000, 4099] {
      guard let byteCount = dtype.byteCount(of: count) else { continue }
      var random = SeededGenerator(seed: UInt64(count) + 1)
      var values = (0..<byteCount).map { _ in UInt8.random(in: 0...255, using: &random) }
      if example.codec is ConstantCodec {
        guard ConstantCodec.holds(dtype) else { continue }
        let width = dtype.bitsPerElement / 8
        values = (0..<byteCount).map { values[$0 % width] }
      }
      let layout = ChunkLayout(dtype: dtype, listOf: count)
      let streams = Self.streams(of: example.codec, values.rawSpan, layout)
      #expect(try Self.values(of: example.codec, streams, layout) == values, "\(count)")
    }
  }

  @Test(
    "lossy codecs restore values within their error",
    arguments: examples.filter { !$0.codec.isLossless })
  func lossy(_ example: Example) throws {
    for layout in Self.layouts(.f32, for: example.codec) {
      var random = SeededGenerator(seed: UInt64(layout.elementCount))
      let values = (0..<layout.elementCount).map { _ in Float.random(in: -1...1, using: &random) }
      let streams = Self.streams(of: example.codec, values.rawSpan, layout)
      let found = Self.floats(try Self.values(of: example.codec, streams, layout))
      // No group has a magnitude larger than 1.
      let worst = zip(values, found).map { ($0 - $1).magnitude }.max() ?? 0
      #expect(worst <= example.share, "\(layout.dimensions) \(layout.elements)")
      #expect(found.count == values.count)
    }
  }

  @Test(
    "zeros decode to zeros, also in groups of only zeros",
    arguments: examples.filter { !$0.codec.isLossless })
  func zeros(_ example: Example) throws {
    let layout = ChunkLayout(dtype: .f32, dimensions: [2, 64], elements: 0..<128)
    let zeros = [Float](repeating: 0, count: 128)
    let streams = Self.streams(of: example.codec, zeros.rawSpan, layout)
    #expect(Self.floats(try Self.values(of: example.codec, streams, layout)) == zeros)
  }

  @Test(
    "decoded values are encoded without further loss",
    arguments: examples.filter { example in
      (example.codec as? AffineCodec)?.zero == .symmetric
    })
  func idempotence(_ example: Example) throws {
    let layout = ChunkLayout(dtype: .f32, dimensions: [8, 96], elements: 0..<768)
    var random = SeededGenerator(seed: 5)
    let values = (0..<768).map { _ in Float.random(in: -0.1...0.1, using: &random) }
    let first = Self.streams(of: example.codec, values.rawSpan, layout)
    let once = Self.floats(try Self.values(of: example.codec, first, layout))
    let again = Self.streams(of: example.codec, once.rawSpan, layout)
    #expect(Self.floats(try Self.values(of: example.codec, again, layout)) == once)
  }

  @Test("scales that exceed half precision become float32")
  func widenedScales() throws {
    let layout = ChunkLayout(dtype: .f32, dimensions: [1, 64], elements: 0..<64)
    for size: Float in [1e-6, 1, 1e8] {
      let values = (0..<64).map { size * Float($0 - 32) }
      let codec = AffineCodec(bits: 8, groups: Self.g32)
      var survey = CodecSurvey()
      var room = ByteBuffer(byteCount: codec.scratchByteCount(layout))
      var scratch = room.mutableBytes
      codec.survey(values.rawSpan, layout, into: &survey, scratch: &scratch)
      let prepared = try codec.prepared(for: survey)
      #expect(prepared.scaleDType == (size == 1 ? .f16 : .f32), "\(size)")
      let streams = Self.streams(of: prepared, values.rawSpan, layout)
      let found = Self.floats(try Self.values(of: prepared, streams, layout))
      for (value, other) in zip(values, found) {
        #expect((value - other).magnitude <= 0.51 * size * 32 / 127)
      }
    }
  }

  @Test("a single scale for a tensor follows from its largest value, in every chunk")
  func tensorScale() throws {
    let codec = AffineCodec(bits: 8, groups: GroupSpec(axis: 0, size: 0), scaleDType: .f32)
    var survey = CodecSurvey()
    (survey.low, survey.high, survey.minimumScale, survey.maximumScale) = (-254, 100, 2, 2)
    let prepared = try codec.prepared(for: survey)
    let layout = ChunkLayout(dtype: .f32, dimensions: [4, 4], elements: 4..<8)
    let values: [Float] = [0, 2, 3.1, -100]
    let streams = Self.streams(of: prepared, values.rawSpan, layout)
    #expect(Self.floats(try Self.values(of: prepared, streams, layout)) == [0, 2, 4, -100])
  }
}

@Suite struct PlanesCodecTests {
  @Test("a bfloat16 is split into mantissa with sign, and exponent")
  func exponentPlane() {
    // 1.0, -1.0, 0.5: 3F80, BF80, 3F00; rotated 7F00, 7F01, 7E00.
    let values: [UInt8] = [0x80, 0x3F, 0x80, 0xBF, 0x00, 0x3F]
    let layout = ChunkLayout(dtype: .bf16, listOf: 3)
    let found = ValueCodecContractTests.streams(of: PlanesCodec(), values.rawSpan, layout)
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
    let layout = ChunkLayout(dtype: dtype, listOf: 1)
    #expect(PlanesCodec().streamByteCounts(layout).count == streamCount)
    #expect(ValueCodecContractTests.streams(of: PlanesCodec(), values.rawSpan, layout) == planes)
  }
}
