package import Base
package import TensorCore

/// Codes that are indexes into a table, with a scale for each group. Specification, section 9.6.
///
/// The value is entry · scale in float32, rounded once.
package struct CodebookCodec: ValueCodec {
  package static let id: UInt8 = 7
  package static let name = "codebook"
  package static let isLossless = false
  package static let explanation = """
    Stores codes that are indexes into a table of 2 to 256 values, with a scale for each
    group: value = table[code] * scale. Type nf4 uses it with the quantiles of a normal
    distribution.
    Source: Dettmers et al., "QLoRA", NeurIPS 2023.
    """

  /// The entries in ascending order; 2 to 256 of them.
  package let table: [Float]
  private var codes: CodeStream
  private var groups: GroupSpec
  private var scaleDType: DType

  /// The table of 4-bit NormalFloat: quantiles of the normal distribution, in float32.
  ///
  /// Source: Dettmers et al., QLoRA (NeurIPS 2023), appendix E.
  package static let nf4: [Float] = [
    -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1,
  ]

  package init(
    table: [Float], groups: GroupSpec, scaleDType: DType = .f32,
    packing: CodeStream.Packing = .bytes
  ) {
    self.table = table
    self.groups = groups
    self.scaleDType = scaleDType
    codes = CodeStream(bits: Self.bits(for: table), packing: packing)
  }

  package init(_ parameters: CBORMap, dtype: DType, dimensions: [Int]) throws(CodecProblem) {
    var reader = ParameterReader(parameters, of: Self.name)
    table = try reader.floats("table")
    guard (2...256).contains(table.count), zip(table, table.dropFirst()).allSatisfy({ $0 < $1 })
    else { throw reader.problem("has a 'table' that is not 2 to 256 ascending numbers") }
    groups = try GroupSpec(&reader, dimensions: dimensions)
    scaleDType = try reader.dtype("scale", among: AffineCodec.scaleDTypes)
    codes = try CodeStream(bits: Self.bits(for: table), &reader)
    try reader.finish()
  }

  private static func bits(for table: [Float]) -> Int {
    Int.bitWidth - (table.count - 1).leadingZeroBitCount
  }

  package var parameters: CBORMap {
    var map = groups.parameters
    map["table"] = .array(table.map { .float(Double($0)) })
    map["scale"] = .text(scaleDType.name)
    codes.write(to: &map)
    return map
  }

  package var label: String {
    let name = table == Self.nf4 ? "nf4" : "codebook\(table.count)"
    let scale = scaleDType == .f32 ? "" : ":\(scaleDType.name.lowercased())"
    return "\(name):\(groups.label(rowLength: nil))\(scale)"
  }

  private var largestEntry: Float { max(-table[0], table[table.count - 1]) }

  package func streamByteCounts(_ layout: ChunkLayout) -> [Int] {
    [
      codes.byteCount(layout.elementCount),
      groups.cellCount(layout) * scaleDType.bitsPerElement / 8,
    ]
  }

  package func scratchByteCount(_ layout: ChunkLayout) -> Int {
    16 * groups.cellCount(layout) + 5 * layout.elementCount
  }

  package var needsSurvey: Bool { groups.size == 0 || scaleDType != .f32 }

  @_lifetime(scratch: copy scratch)
  package func survey(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into survey: inout CodecSurvey,
    scratch: inout MutableRawSpan
  ) {
    let cells = groups.cellCount(layout)
    scratch.split(at: 8 * cells) { ranges, rest in
      groups.ranges(of: values, layout, into: &ranges)
      survey.addRanges(ranges.bytes)
      Kernels.best.elementScales(
        ranges.bytes, scaleDType: .f32, limit: largestEntry, largestExponent: 0, global: 1,
        into: &rest)
      survey.addScales(rest.bytes.extracting(0..<4 * cells))
    }
  }

  package func prepared(for survey: CodecSurvey) -> CodebookCodec {
    var codec = self
    codec.groups = groups.prepared(for: survey)
    codec.scaleDType = survey.scaleDType(preferring: scaleDType)
    return codec
  }

  @_lifetime(streams: copy streams)
  @_lifetime(scratch: copy scratch)
  package func encode(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into streams: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) {
    let cells = groups.cellCount(layout)
    let count = layout.elementCount
    let lengths = streamByteCounts(layout)
    scratch.split(at: 8 * cells) { ranges, rest in
      rest.split(at: 4 * cells) { scales, rest in
        groups.ranges(of: values, layout, into: &ranges)
        Kernels.best.elementScales(
          ranges.bytes, scaleDType: scaleDType, limit: largestEntry, largestExponent: 0,
          global: 1, into: &scales)
        store(scales.bytes, as: scaleDType, count: cells, at: lengths[0], in: &streams)
        rest.split(at: 4 * count) { quotients, codes in
          Kernels.best.divide(
            values, groups.grouping(layout), byScales: scales.bytes, into: &quotients)
          Kernels.best.encode(quotients.bytes, table: table, into: &codes)
          var stream = streams._mutatingExtracting(0..<lengths[0])
          self.codes.pack(codes.bytes.extracting(0..<count), into: &stream)
        }
      }
    }
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], _ layout: ChunkLayout,
    into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws(CodecProblem) {
    let cells = groups.cellCount(layout)
    try scratch.split(at: 4 * cells) { (scales, rest) throws(CodecProblem) in
      load(buffer.extracting(streams[1]), as: scaleDType, count: cells, at: 0, in: &scales)
      var codes = rest._mutatingExtracting(0..<layout.elementCount)
      try self.codes.unpack(buffer.extracting(streams[0]), into: &codes)
      guard Kernels.best.highestCode(codes.bytes) < table.count else {
        throw CodecProblem(
          .streams,
          "a code is out of range, expected less than \(table.count), the length of its table")
      }
      let entries = table + Array(repeating: 0, count: 256 - table.count)
      Kernels.best.decode(codes.bytes, table: entries, into: &values)
      Kernels.best.multiply(
        inPlace: &values, groups.grouping(layout), byScales: scales.bytes)
    }
  }
}
