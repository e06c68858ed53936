import Base
import Checkpoints
import Codecs
import Safetensors
import TensorCore
import TestSupport
import Testing

/// Tests of codecs against the files of other programs and the values that these read, bit for bit.
@Suite struct GoldenCodecTests {
  private static func tensors(_ path: String) throws -> [String: LazyTensor] {
    let checkpoint = try SafetensorsContainer.read(Fixtures.path("golden/\(path).safetensors"))
    return Dictionary(uniqueKeysWithValues: checkpoint.tensors.map { ($0.name, $0) })
  }

  /// Decodes streams and rounds the values to bfloat16.
  private static func decoded(
    _ codec: any ValueCodec, _ streams: [[UInt8]], shape: [Int], as dtype: DType
  ) throws -> [UInt8] {
    let layout = ChunkLayout(
      dtype: dtype, dimensions: shape, elements: 0..<shape.reduce(1, *))
    #expect(codec.streamByteCounts(layout) == streams.map(\.count))
    var buffer: [UInt8] = []
    let ranges = streams.map { stream in
      buffer += stream
      return buffer.count - stream.count..<buffer.count
    }
    var values = ByteBuffer(byteCount: 4 * layout.elementCount)
    var room = ByteBuffer(byteCount: codec.scratchByteCount(layout))
    var target = values.mutableBytes
    var scratch = room.mutableBytes
    try codec.decode(buffer.rawSpan, streams: ranges, layout, into: &target, scratch: &scratch)
    guard dtype != .f32 else { return target.bytes.array() }
    var rounded = ByteBuffer(byteCount: layout.byteCount)
    var result = rounded.mutableBytes
    try Kernels.best.convert(
      target.bytes, from: .f32, to: dtype, elementCount: layout.elementCount, saturating: false,
      into: &result)
    return result.bytes.array()
  }

  // MARK: compressed-tensors

  private static let schemes = [
    "pack-quantized_int4_g32_sym", "pack-quantized_int4_g64_asym", "pack-quantized_int3_g32",
    "pack-quantized_int2_g32", "pack-quantized_int8_channel", "float-quantized_fp8_channel",
    "mxfp4-pack-quantized", "mxfp6-pack-quantized", "mxfp8-quantized", "nvfp4-pack-quantized",
  ]

  @Test("data packed by compressed-tensors decodes to the values that it reads", arguments: schemes)
  func compressedTensors(scheme: String) throws {
    let stored = try Self.tensors("compressed-tensors/\(scheme).model")
    let expected = try Self.tensors("compressed-tensors/\(scheme).expected_decompressed")
    for name in ["model.up.weight", "model.down.weight"] {
      let wanted = try #require(expected[name])
      let codes = try #require(stored["\(name)_packed"] ?? stored[name])
      let scales = try #require(stored["\(name)_scale"])
      let shape = wanted.info.shape.dimensions
      let group = shape[1] / scales.info.shape.columnCount
      let groups = GroupSpec(axis: 1, size: group)
      var streams = [try codes.bytes(), try scales.bytes()]
      let codec: any ValueCodec
      switch scheme {
      case "float-quantized_fp8_channel": codec = FP8Codec(groups: groups, scaleDType: .bf16)
      case "mxfp4-pack-quantized": codec = MXCodec(element: .f4, groups: groups)
      case "mxfp6-pack-quantized":
        codec = MXCodec(element: .f6E2M3, groups: groups, packing: .bits)
      case "mxfp8-quantized": codec = MXCodec(element: .f8E4M3, groups: groups)
      case "nvfp4-pack-quantized":
        let global = try #require(stored["\(name)_global_scale"]).bytes()
        let number = Float(bitPattern: global.rawSpan.littleEndian(UInt32.self, at: 0)!)
        var parameters = NVFP4Codec(groups: groups, global: number).parameters
        parameters["arithmetic"] = "divide"
        codec = try NVFP4Codec(parameters, dtype: .bf16, dimensions: shape)
      default:
        let bits = Int(String(scheme.split(separator: "int")[1].prefix(1)))!
        let zero = try stored["\(name)_zero_point"].map { try Self.zeros($0, rows: shape[0]) }
        if let zero { streams.append(zero) }
        codec = AffineCodec(
          bits: bits, groups: groups, scaleDType: .bf16,
          zero: zero == nil ? .symmetric : .integer, packing: .bits)
      }
      let found = try Self.decoded(codec, streams, shape: shape, as: .bf16)
      #expect(found == (try wanted.bytes()), "\(name)")
    }
  }

  /// Expands zero points of 4 bits, which are packed along the rows, to one byte per row and group.
  private static func zeros(_ tensor: LazyTensor, rows: Int) throws -> [UInt8] {
    let columns = tensor.info.shape.columnCount
    let bytes = try tensor.bytes()
    return (0..<rows * columns).map { place in
      let (row, column) = (place / columns, place % columns)
      let word = bytes.rawSpan.littleEndian(UInt32.self, at: 4 * (row / 8 * columns + column))!
      return UInt8(word >> UInt32(4 * (row % 8)) & 15)
    }
  }

  // MARK: MLX

  @Test(
    "data quantized by MLX decodes to the values that it reads",
    arguments: [
      "affine_b2_g64", "affine_b3_g64", "affine_b4_g64", "affine_b5_g64", "affine_b6_g64",
      "affine_b8_g64", "mxfp4", "mxfp8", "nvfp4",
    ])
  func mlx(name: String) throws {
    let stored = try Self.tensors("mlx/quantized")
    let wanted = try #require(try Self.tensors("mlx/expected_dequantized")["\(name).weight"])
    var streams = [
      try #require(stored["\(name).weight"]).bytes(),
      try #require(stored["\(name).scales"]).bytes(),
    ]
    let codec: any ValueCodec
    switch name {
    case "mxfp4": codec = MXCodec(element: .f4, groups: GroupSpec(axis: 1, size: 32))
    case "mxfp8": codec = MXCodec(element: .f8E4M3, groups: GroupSpec(axis: 1, size: 32))
    case "nvfp4": codec = NVFP4Codec(groups: GroupSpec(axis: 1, size: 16), global: 1)
    default:
      streams.append(try #require(stored["\(name).biases"]).bytes())
      let bits = Int(String(name.dropFirst("affine_b".count).prefix(1)))!
      codec = AffineCodec(
        bits: bits, groups: GroupSpec(axis: 1, size: 64), scaleDType: .bf16, zero: .float,
        arithmetic: .steps, packing: .bits)
    }
    let found = try Self.decoded(
      codec, streams, shape: wanted.info.shape.dimensions, as: .bf16)
    #expect(found == (try wanted.bytes()))
  }

  // MARK: ggml

  @Test(
    "ggml blocks are encoded and decoded as in ggml",
    arguments: ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0"]
  )
  func ggml(name: String) throws {
    let type = try #require(GgmlCodec.types.first { $0.name.lowercased() == name })
    let codec = GgmlCodec(type: type)
    let inputs = try Self.tensors("ggml/inputs")
    let golden = try Self.tensors("ggml/\(name)")
    for input in ["normal", "outlier", "heavy", "edge", "randbits"] {
      let packed = try #require(golden["\(input).packed"])
      let wanted = try #require(golden["\(input).dequant"])
      let shape = wanted.info.shape.dimensions
      let blocks = try packed.bytes()
      let found = try Self.decoded(codec, [blocks], shape: shape, as: .f32)
      #expect(found == (try wanted.bytes()), "\(input) is read")
      // Blocks of random bits are not the encoding of any values.
      if input == "randbits" { continue }
      let values = try #require(inputs[input]).bytes()
      let layout = ChunkLayout(dtype: .f32, dimensions: shape, elements: 0..<shape.reduce(1, *))
      for kernels in Kernels.levels {
        var buffer = ByteBuffer(byteCount: blocks.count)
        var streams = buffer.mutableBytes
        kernels.encodeGgml(
          values.rawSpan, type: type.id, blockByteCount: type.byteCount, into: &streams)
        #expect(streams.bytes.array() == blocks, "\(input) is written at \(kernels.level)")
      }
      #expect(codec.streamByteCounts(layout) == [blocks.count])
    }
  }
}
