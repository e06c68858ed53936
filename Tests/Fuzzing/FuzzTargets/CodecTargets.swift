import Base
import Codecs
import TensorCore

/// Fuzz targets for codecs. The first bytes of the input select codec, parameters and layout; the rest are streams.
enum CodecTargets {
  /// A source of numbers from the start of the input; they are 0 after its end.
  private struct Source {
    var bytes: ArraySlice<UInt8>

    mutating func byte() -> Int { Int(bytes.popFirst() ?? 0) }
    mutating func number(below limit: Int) -> Int { (byte() << 8 | byte()) % limit }
  }

  private static func codec(_ source: inout Source) -> any ValueCodec {
    let groups = GroupSpec(axis: source.byte() % 2, size: source.byte() % 40)
    let sized = GroupSpec(axis: groups.axis, size: max(1, groups.size))
    let scale = AffineCodec.scaleDTypes[source.byte() % 3]
    let packing: CodeStream.Packing = source.byte() % 2 == 0 ? .bits : .bytes
    switch source.byte() % 9 {
    case 0: return RawCodec()
    case 1: return PlanesCodec()
    case 2: return ConstantCodec()
    case 3:
      let zero = ZeroPoint.allCases[source.byte() % 3]
      return AffineCodec(
        bits: max(zero == .symmetric ? 2 : 1, source.byte() % 9), groups: groups,
        scaleDType: scale, zero: zero, arithmetic: source.byte() % 2 == 0 ? .f32 : .steps,
        packing: packing)
    case 4:
      return FP8Codec(
        element: FP8Codec.elements[source.byte() % 2], groups: groups, scaleDType: scale)
    case 5:
      return MXCodec(
        element: MXCodec.elements[source.byte() % 5], groups: sized, packing: packing)
    case 6: return NVFP4Codec(groups: sized, global: Float(source.byte() + 1))
    case 7:
      let table = (0...max(1, source.byte())).map { Float($0) }
      return CodebookCodec(table: table, groups: groups, scaleDType: scale, packing: packing)
    default: return GgmlCodec(type: GgmlCodec.types[source.byte() % GgmlCodec.types.count])
    }
  }

  /// Decodes values, and encodes them again if they are finite.
  static func values(_ bytes: [UInt8]) {
    var source = Source(bytes: bytes[...])
    let codec = codec(&source)
    var dimensions = [1 + source.number(below: 9), source.number(below: 300)]
    if let ggml = codec as? GgmlCodec { dimensions[1] = dimensions[1] % 4 * ggml.type.elementCount }
    let count = dimensions[0] * dimensions[1]
    let start = codec is GgmlCodec ? 0 : source.number(below: count + 1)
    let dtype: DType = codec.isLossless ? DType.allCases[source.byte() % 22] : .f32
    guard dtype.bitsPerElement % 8 == 0 else { return }
    let layout = ChunkLayout(dtype: dtype, dimensions: dimensions, elements: start..<count)
    let lengths = codec.streamByteCounts(layout)
    // Readers check the lengths of streams before they decode, so the lengths are correct here.
    var rest = Array(source.bytes)
    rest += [UInt8](repeating: 0, count: max(0, lengths.reduce(0, +) - rest.count))
    var end = 0
    let ranges = lengths.map { length in
      end += length
      return end - length..<end
    }
    var values = ByteBuffer(byteCount: codec.valueByteCount(layout))
    var room = ByteBuffer(byteCount: codec.scratchByteCount(layout))
    var target = values.mutableBytes
    var scratch = room.mutableBytes
    guard codec.givesValues,
      (try? codec.decode(rest.rawSpan, streams: ranges, layout, into: &target, scratch: &scratch))
        != nil
    else { return }
    // Finite values must be encoded without a trap.
    guard !codec.isLossless, Kernels.best.firstNotFinite(target.bytes) == nil else { return }
    var streams = ByteBuffer(byteCount: end)
    var encoded = streams.mutableBytes
    codec.encode(target.bytes, layout, into: &encoded, scratch: &scratch)
  }

  /// Decodes the indexes of a sparse term and checks that they are encoded as the same bytes.
  static func places(_ bytes: [UInt8]) {
    var source = Source(bytes: bytes[...])
    let dimensions = [1 + source.number(below: 9), 1 + source.number(below: 300)]
    let group = 2 + source.byte() % 15
    let codecs: [any IndexCodec] = [
      BitmaskIndex(), Gap8Index(),
      NMIndex(kept: 1 + source.byte() % (group - 1), of: group, dimensions: dimensions),
      BlockIndex(
        rows: 1 + source.byte() % 20, columns: 1 + source.byte() % 20, dimensions: dimensions),
    ]
    let codec = codecs[source.byte() % 4]
    let count = dimensions[0] * dimensions[1]
    let layout = ChunkLayout(dtype: .f32, dimensions: dimensions, elements: 0..<count)
    let valueCount = source.number(below: count + 1)
    let limit = codec.streamByteCounts(layout, valueCount: valueCount)[0]
    let rest = Array(source.bytes)
    let length = min(max(rest.count, limit.lowerBound), limit.upperBound)
    let stream = Array((rest + [UInt8](repeating: 0, count: length))[..<length])
    var mask = ByteBuffer(byteCount: Kernels.maskByteCount(elementCount: count))
    var target = mask.mutableBytes
    guard
      (try? codec.decode(
        stream.rawSpan, streams: [0..<length], layout, valueCount: valueCount, into: &target))
        != nil
    else { return }
    // A decoded mask must be encoded as the same bytes.
    var again = ByteBuffer(byteCount: limit.upperBound)
    var streams = again.mutableBytes
    let lengths = codec.encode(target.bytes, layout, valueCount: valueCount, into: &streams)
    let written = streams.bytes.extracting(0..<lengths[0]).array()
    precondition(written == stream, "decoded indexes are encoded as other bytes")
  }
}
