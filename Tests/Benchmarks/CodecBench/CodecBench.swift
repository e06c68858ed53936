import Base
import Codecs
import Glibc
import TensorCore

/// Times every codec on one core, and memcpy in the same run.
///
/// Rates are bytes of values (float32 for lossy codecs, bfloat16 for lossless ones) per second of
/// CPU time: the median of several rounds over a chunk of the size that files use.
@main
struct CodecBench {
  static let rounds = 15

  static func main() {
    let rows = 64
    let columns = 4096
    let count = rows * columns
    let floats = weights(count)
    print("codec                    encode  decode to F32  and to BF16   GB of values a CPU second")
    let copy = rate(4 * count) { target, source in target.copy(source) }
    print(line("memcpy", [copy, copy, copy]))
    let row = GroupSpec(axis: 1, size: columns)
    func group(_ size: Int) -> GroupSpec { GroupSpec(axis: 1, size: size) }
    let codecs: [any ValueCodec] =
      (1...8).map { bits in
        AffineCodec(
          bits: bits, groups: bits == 8 ? row : group(128), zero: bits == 1 ? .integer : .symmetric,
          packing: .bits)
      } + [
        AffineCodec(bits: 4, groups: group(64), zero: .integer),
        AffineCodec(
          bits: 4, groups: group(64), scaleDType: .bf16, zero: .float, arithmetic: .steps),
        AffineCodec(bits: 4, groups: GroupSpec(axis: 0, size: 64), zero: .float),
        FP8Codec(groups: row), FP8Codec(element: .f8E5M2, groups: row),
        MXCodec(element: .f4, groups: group(32)), MXCodec(element: .f6E2M3, groups: group(32)),
        MXCodec(element: .f8E4M3, groups: group(32)),
        NVFP4Codec(groups: group(16), global: 1e-4),
        CodebookCodec(table: CodebookCodec.nf4, groups: group(64)),
      ] + GgmlCodec.types.filter(\.givesValues).map { GgmlCodec(type: $0) }
    for codec in codecs { measure(codec, floats, rows, columns) }
    for codec in [RawCodec(), PlanesCodec()] as [any ValueCodec] {
      measureLossless(codec, floats, rows, columns)
    }
    print("\nindex codec            encode  decode to a mask  to BF16 values")
    for share in [0.5, 0.1, 0.01] { measureIndexes(floats, share, rows, columns) }
  }

  // MARK: Measures

  private static func measure(
    _ codec: any ValueCodec, _ floats: [Float], _ rows: Int, _ columns: Int
  ) {
    let count = rows * columns
    let layout = ChunkLayout(dtype: .bf16, dimensions: [rows, columns], elements: 0..<count)
    let lengths = codec.streamByteCounts(layout)
    var streams = ByteBuffer(byteCount: lengths.reduce(0, +))
    var room = ByteBuffer(byteCount: codec.scratchByteCount(layout))
    var values = ByteBuffer(byteCount: 4 * count)
    var narrow = ByteBuffer(byteCount: 2 * count)
    var spare = ByteBuffer(byteCount: 4 * count)
    let encode = median(4 * count) {
      var target = streams.mutableBytes
      var scratch = room.mutableBytes
      codec.encode(floats.rawSpan, layout, into: &target, scratch: &scratch)
    }
    var end = 0
    let ranges = lengths.map { length in
      end += length
      return end - length..<end
    }
    let decode = median(4 * count) {
      var target = values.mutableBytes
      var scratch = room.mutableBytes
      try! codec.decode(
        streams.bytes, streams: ranges, layout, into: &target, scratch: &scratch)
    }
    let rounded = median(4 * count) {
      var target = values.mutableBytes
      var scratch = room.mutableBytes
      try! codec.decode(
        streams.bytes, streams: ranges, layout, into: &target, scratch: &scratch)
      var half = narrow.mutableBytes
      var clamped = spare.mutableBytes
      Kernels.best.roundSums(target.bytes, to: .bf16, into: &half, scratch: &clamped)
    }
    print(line(codec.label, [encode, decode, rounded]))
  }

  private static func measureLossless(
    _ codec: any ValueCodec, _ floats: [Float], _ rows: Int, _ columns: Int
  ) {
    let count = rows * columns
    let layout = ChunkLayout(dtype: .bf16, dimensions: [rows, columns], elements: 0..<count)
    let source = bfloats(floats)
    let lengths = codec.streamByteCounts(layout)
    var streams = ByteBuffer(byteCount: lengths.reduce(0, +))
    var room = ByteBuffer(byteCount: 0)
    var values = ByteBuffer(byteCount: 2 * count)
    let encode = median(2 * count) {
      var target = streams.mutableBytes
      var scratch = room.mutableBytes
      codec.encode(source.rawSpan, layout, into: &target, scratch: &scratch)
    }
    var end = 0
    let ranges = lengths.map { length in
      end += length
      return end - length..<end
    }
    let decode = median(2 * count) {
      var target = values.mutableBytes
      var scratch = room.mutableBytes
      try! codec.decode(
        streams.bytes, streams: ranges, layout, into: &target, scratch: &scratch)
    }
    print(line("\(codec.label), without zstd", [encode, nil, decode]))
  }

  private static func measureIndexes(
    _ floats: [Float], _ share: Double, _ rows: Int, _ columns: Int
  ) {
    let count = rows * columns
    let layout = ChunkLayout(dtype: .bf16, dimensions: [rows, columns], elements: 0..<count)
    let source = bfloats(floats)
    var codecs: [any IndexCodec] = [BitmaskIndex(), Gap8Index()]
    if share == 0.5 { codecs.append(NMIndex(kept: 2, of: 4, dimensions: [rows, columns])) }
    if share == 0.1 {
      codecs.append(BlockIndex(rows: 16, columns: 16, dimensions: [rows, columns]))
    }
    for codec in codecs {
      var mask = ByteBuffer(byteCount: count / 8)
      var bits = mask.mutableBytes
      fill(&bits, count, share, codec)
      let kept = Kernels.best.count(ofMask: bits.bytes, elementCount: count)
      let limit = codec.streamByteCounts(layout, valueCount: kept)[0].upperBound
      var streams = ByteBuffer(byteCount: limit)
      var length = 0
      let encode = median(2 * count) {
        var target = streams.mutableBytes
        length = codec.encode(bits.bytes, layout, valueCount: kept, into: &target)[0]
      }
      var packed = ByteBuffer(byteCount: 2 * kept)
      var gathered = packed.mutableBytes
      Kernels.best.gather(source.rawSpan, width: 2, mask: bits.bytes, into: &gathered)
      var found = ByteBuffer(byteCount: count / 8)
      var values = ByteBuffer(byteCount: 2 * count)
      let decode = median(2 * count) {
        var target = found.mutableBytes
        try! codec.decode(
          streams.bytes, streams: [0..<length], layout, valueCount: kept, into: &target)
      }
      let whole = median(2 * count) {
        var target = values.mutableBytes
        let isScattered = try! codec.scatter(
          gathered.bytes, width: 2, at: streams.bytes.extracting(0..<length), valueCount: kept,
          into: &target)
        if !isScattered {
          var mask = found.mutableBytes
          try! codec.decode(
            streams.bytes, streams: [0..<length], layout, valueCount: kept, into: &mask)
          Kernels.best.scatter(gathered.bytes, width: 2, mask: mask.bytes, into: &target)
        }
      }
      print(line("\(codec.label), \(Int(share * 100)) % kept", [encode, decode, whole]))
    }
  }

  @_lifetime(mask: copy mask)
  private static func fill(
    _ mask: inout MutableRawSpan, _ count: Int, _ share: Double, _ codec: any IndexCodec
  ) {
    mask.fill()
    let random = ElementRandom(tensorName: "mask", seed: 1)
    if codec is NMIndex {
      for place in 0..<count where place % 4 == Int(random.uniform(at: UInt64(place / 4)) * 3) {
        mask.setBit(place)
        mask.setBit(place + 1)
      }
    } else if codec is BlockIndex {
      for block in 0..<count / 256 where Double(random.uniform(at: UInt64(block))) < share {
        for row in 0..<16 {
          for column in 0..<16 {
            mask.setBit((block / 256 * 16 + row) * 4096 + block % 256 * 16 + column)
          }
        }
      }
    } else {
      for place in 0..<count where Double(random.uniform(at: UInt64(place))) < share {
        mask.setBit(place)
      }
    }
  }

  // MARK: Helpers

  private static func rate(
    _ byteCount: Int, _ body: (inout MutableRawSpan, borrowing RawSpan) -> Void
  ) -> Double {
    var source = ByteBuffer(byteCount: byteCount)
    var target = ByteBuffer(byteCount: byteCount)
    var filled = source.mutableBytes
    filled.fill(with: 1)
    return median(byteCount) {
      var span = target.mutableBytes
      body(&span, filled.bytes)
    }
  }

  /// Returns the rate of `body` in GB per CPU second, if each call processes `byteCount` bytes.
  private static func median(_ byteCount: Int, _ body: () -> Void) -> Double {
    body()
    let times = (0..<rounds).map { _ in
      let start = cpuSeconds
      for _ in 0..<8 { body() }
      return (cpuSeconds - start) / 8
    }.sorted()
    return Double(byteCount) / times[rounds / 2] / 1e9
  }

  private static var cpuSeconds: Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  private static func line(_ name: String, _ rates: [Double?]) -> String {
    let cells = rates.map { rate in
      let text = rate.map { ($0 * 100).rounded() / 100 }.map { "\($0)" } ?? "-"
      return String(repeating: " ", count: max(1, 13 - text.count)) + text
    }
    return name + String(repeating: " ", count: max(1, 22 - name.count)) + cells.joined()
  }

  private static func weights(_ count: Int) -> [Float] {
    let random = ElementRandom(tensorName: "weights", seed: 2)
    return (0..<count).map { place in
      let sum = (0..<4).reduce(Float(0)) { $0 + random.uniform(at: UInt64(4 * place + $1)) }
      return (sum - 2) * 0.03
    }
  }

  private static func bfloats(_ floats: [Float]) -> [UInt8] {
    var buffer = ByteBuffer(byteCount: 2 * floats.count)
    var span = buffer.mutableBytes
    try! Kernels.best.convert(
      floats.rawSpan, from: .f32, to: .bf16, elementCount: floats.count, saturating: false,
      into: &span)
    return span.bytes.array()
  }
}
