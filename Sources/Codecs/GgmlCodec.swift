package import Base
package import TensorCore

/// Blocks of a ggml type, stored unchanged, so that GGUF files are restored byte for byte.
/// Specification, section 9.8.
package struct GgmlCodec: ValueCodec {
  package static let id: UInt8 = 8
  package static let name = "ggml"
  package static let isLossless = false
  package static let explanation = """
    Stores blocks of a ggml type unchanged, so that the same blocks are written again, byte
    for byte. The values of simple types, such as Q8_0, are decoded; blocks of the others are
    only kept.
    """

  /// A ggml type with the number of elements and bytes of a block.
  package struct BlockType: Sendable, Equatable {
    package var id: Int
    /// The name in ggml's spelling, such as `Q4_K`.
    package var name: String
    package var elementCount: Int
    package var byteCount: Int

    init(_ id: Int, _ name: String, _ elementCount: Int, _ byteCount: Int) {
      self.id = id
      self.name = name
      self.elementCount = elementCount
      self.byteCount = byteCount
    }

    /// True if this version can compute the values of the type.
    package var givesValues: Bool { Kernels.simpleGgmlTypes.contains(id) }
  }

  package static let types = [
    BlockType(2, "Q4_0", 32, 18), BlockType(3, "Q4_1", 32, 20), BlockType(6, "Q5_0", 32, 22),
    BlockType(7, "Q5_1", 32, 24), BlockType(8, "Q8_0", 32, 34), BlockType(10, "Q2_K", 256, 84),
    BlockType(11, "Q3_K", 256, 110), BlockType(12, "Q4_K", 256, 144),
    BlockType(13, "Q5_K", 256, 176), BlockType(14, "Q6_K", 256, 210),
    BlockType(16, "IQ2_XXS", 256, 66), BlockType(17, "IQ2_XS", 256, 74),
    BlockType(18, "IQ3_XXS", 256, 98), BlockType(19, "IQ1_S", 256, 50),
    BlockType(20, "IQ4_NL", 32, 18), BlockType(21, "IQ3_S", 256, 110),
    BlockType(22, "IQ2_S", 256, 82), BlockType(23, "IQ4_XS", 256, 136),
    BlockType(29, "IQ1_M", 256, 56), BlockType(34, "TQ1_0", 256, 54),
    BlockType(35, "TQ2_0", 256, 66), BlockType(39, "MXFP4", 32, 17),
    BlockType(40, "NVFP4", 64, 36),
  ]

  package let type: BlockType

  package init(type: BlockType) { self.type = type }

  /// Returns true if the rows of a tensor with these dimensions consist of whole blocks.
  package static func fits(_ type: BlockType, _ dimensions: [Int]) -> Bool {
    (dimensions.last ?? 1) % type.elementCount == 0
  }

  package init(_ parameters: CBORMap, dtype: DType, dimensions: [Int]) throws(CodecProblem) {
    var reader = ParameterReader(parameters, of: Self.name)
    let id = try reader.integer("type", in: 0...Int(UInt16.max))
    guard let type = Self.types.first(where: { $0.id == id }) else {
      throw reader.problem("has an unknown type \(id)")
    }
    try reader.finish()
    guard Self.fits(type, dimensions) else {
      throw reader.problem(
        "has blocks of \(type.elementCount) elements, which do not divide the last dimension")
    }
    self.type = type
  }

  package var parameters: CBORMap { ["type": CBORValue(type.id)] }
  package var label: String { type.name.lowercased() }
  package var givesValues: Bool { type.givesValues }

  package func scratchByteCount(_ layout: ChunkLayout) -> Int { 8 }

  /// A survey is needed because blocks store F16 numbers, which must be able to represent what the values need.
  package var needsSurvey: Bool { givesValues }

  @_lifetime(scratch: copy scratch)
  package func survey(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into survey: inout CodecSurvey,
    scratch: inout MutableRawSpan
  ) {
    guard layout.elementCount > 0 else { return }
    let whole = Grouping(dimensions: [layout.elementCount], axis: 0, size: 0, start: 0)
    var range = scratch._mutatingExtracting(0..<8)
    Kernels.best.groupRanges(values, whole, into: &range)
    survey.addRanges(range.bytes)
  }

  package func prepared(for survey: CodecSurvey) throws(CodecProblem) -> GgmlCodec {
    // Q4_1 and Q5_1 store the minimum value itself, the other types a step.
    let steps: Float = type.name.hasSuffix("_1") ? 1 : type.name == "Q8_0" ? 127 : 8
    guard survey.largest / steps <= 65504 else {
      throw CodecProblem(.values, "values up to \(survey.largest) are too large for \(type.name)")
    }
    return self
  }

  package func streamByteCounts(_ layout: ChunkLayout) -> [Int] {
    [layout.elementCount / type.elementCount * type.byteCount]
  }

  @_lifetime(streams: copy streams)
  @_lifetime(scratch: copy scratch)
  package func encode(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into streams: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) {
    Kernels.best.encodeGgml(
      values, type: type.id, blockByteCount: type.byteCount, into: &streams)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], _ layout: ChunkLayout,
    into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws(CodecProblem) {
    guard givesValues else {
      throw CodecProblem(.streams, "this version cannot compute the values of \(type.name)")
    }
    Kernels.best.decodeGgml(
      buffer.extracting(streams[0]), type: type.id, blockByteCount: type.byteCount, into: &values)
  }
}
