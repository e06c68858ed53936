package import Base
package import TensorCore

/// Codes of 1 to 8 bits with a scale for each group and an optional zero point. Specification, section 9.4.
///
/// The value is (code − zero) · scale, or code · scale + zero if zero points are floats. The arithmetic is float32;
/// each operation is rounded once.
package struct AffineCodec: ValueCodec {
  package static let id: UInt8 = 3
  package static let name = "affine"
  package static let isLossless = false
  package static let explanation = """
    Stores codes of 1 to 8 bits, with a scale for each group of values and an optional zero
    point: value = (code - zero) * scale. Types int1 to int8 use it, and weights of GPTQ, AWQ
    and MLX are stored with it without a further loss.
    """

  /// The precision to which each operation of code · scale + zero is rounded.
  package enum Arithmetic: String, Sendable, CaseIterable {
    case f32
    /// The dtype of the scales; rounded after the product and after the sum.
    case steps
  }

  package static let scaleDTypes: [DType] = [.f32, .f16, .bf16]

  package var codes: CodeStream
  package var groups: GroupSpec
  package var scaleDType: DType
  package var zero: ZeroPoint
  package var arithmetic: Arithmetic

  /// - Parameter bits: 1 to 8; at least 2 if `zero` is `symmetric`.
  package init(
    bits: Int, groups: GroupSpec, scaleDType: DType = .f16, zero: ZeroPoint = .symmetric,
    arithmetic: Arithmetic = .f32, packing: CodeStream.Packing = .bytes
  ) {
    precondition((zero == .symmetric ? 2 : 1)...8 ~= bits)
    codes = CodeStream(bits: bits, packing: packing)
    self.groups = groups
    self.scaleDType = scaleDType
    self.zero = zero
    self.arithmetic = arithmetic
  }

  package init(_ parameters: CBORMap, dtype: DType, dimensions: [Int]) throws(CodecProblem) {
    var reader = ParameterReader(parameters, of: Self.name)
    zero = try reader.choice("zero", ZeroPoint.self)
    let bits = try reader.integer("bits", in: (zero == .symmetric ? 2 : 1)...8)
    groups = try GroupSpec(&reader, dimensions: dimensions)
    scaleDType = try reader.dtype("scale", among: Self.scaleDTypes)
    arithmetic = zero == .float ? try reader.choice("arithmetic", Arithmetic.self) : .f32
    codes = try CodeStream(bits: bits, &reader)
    try reader.finish()
  }

  package var bits: Int { codes.bits }

  package var parameters: CBORMap {
    var map = groups.parameters
    map["bits"] = CBORValue(bits)
    map["scale"] = .text(scaleDType.name)
    map["zero"] = .text(zero.rawValue)
    if zero == .float { map["arithmetic"] = .text(arithmetic.rawValue) }
    codes.write(to: &map)
    return map
  }

  package var label: String {
    var label = "int\(bits):\(groups.label(rowLength: nil))"
    if zero != .symmetric { label += zero == .integer ? ":asym" : ":float" }
    if scaleDType != .f16 { label += ":\(scaleDType.name.lowercased())" }
    return label
  }

  package func streamByteCounts(_ layout: ChunkLayout) -> [Int] {
    let cells = groups.cellCount(layout)
    let scales = cells * scaleDType.bitsPerElement / 8
    let codes = codes.byteCount(layout.elementCount)
    return switch zero {
    case .symmetric: [codes, scales]
    case .integer: [codes, scales, cells]
    case .float: [codes, scales, scales]
    }
  }

  package func scratchByteCount(_ layout: ChunkLayout) -> Int {
    16 * groups.cellCount(layout) + layout.elementCount
  }

  // MARK: Surveys

  /// A survey is needed to check that scales are finite: scales of half precision can overflow, and so can the scales
  /// of ranges, which may be twice as wide as a value.
  package var needsSurvey: Bool {
    groups.size == 0 || scaleDType != .f32 || zero != .symmetric
  }

  @_lifetime(scratch: copy scratch)
  package func survey(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into survey: inout CodecSurvey,
    scratch: inout MutableRawSpan
  ) {
    let cells = groups.cellCount(layout)
    scratch.split(at: 8 * cells) { ranges, rest in
      groups.ranges(of: values, layout, into: &ranges)
      survey.addRanges(ranges.bytes)
      Kernels.best.affineScales(
        ranges.bytes, bits: bits, zero: zero, scaleDType: .f32, into: &rest)
      survey.addScales(rest.bytes.extracting(0..<4 * cells))
    }
  }

  package func prepared(for survey: CodecSurvey) throws(CodecProblem) -> AffineCodec {
    var codec = self
    codec.groups = groups.prepared(for: survey)
    guard survey.maximumScale.isFinite else {
      throw CodecProblem(.values, "the range of a group exceeds float32")
    }
    codec.scaleDType = survey.scaleDType(preferring: scaleDType)
    return codec
  }

  // MARK: Coding

  @_lifetime(streams: copy streams)
  @_lifetime(scratch: copy scratch)
  package func encode(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into streams: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) {
    let grouping = groups.grouping(layout)
    let cells = groups.cellCount(layout)
    let lengths = streamByteCounts(layout)
    scratch.split(at: 8 * cells) { pairs, rest in
      var ranges = rest._mutatingExtracting(0..<8 * cells)
      groups.ranges(of: values, layout, into: &ranges)
      Kernels.best.affineScales(
        ranges.bytes, bits: bits, zero: zero, scaleDType: scaleDType, into: &pairs)
      var codes = rest._mutatingExtracting(0..<layout.elementCount)
      Kernels.best.affineEncode(
        values, grouping, pairs: pairs.bytes, bits: bits, zero: zero, into: &codes)
      var stream = streams._mutatingExtracting(0..<lengths[0])
      self.codes.pack(codes.bytes, into: &stream)
      store(
        pairs.bytes.extracting(0..<4 * cells), as: scaleDType, count: cells, at: lengths[0],
        in: &streams)
      guard zero != .symmetric else { return }
      store(
        pairs.bytes.extracting(4 * cells..<8 * cells), as: zero == .integer ? .u8 : scaleDType,
        count: cells, at: lengths[0] + lengths[1], in: &streams)
    }
  }

  /// Writes existing codes, one per byte, at the start of the streams.
  @_lifetime(streams: copy streams)
  package func write(codes: borrowing RawSpan, into streams: inout MutableRawSpan) {
    var stream = streams._mutatingExtracting(0..<self.codes.byteCount(codes.byteCount))
    self.codes.pack(codes, into: &stream)
  }

  /// Writes existing scales, given as F32, in the dtype of the scales.
  @_lifetime(streams: copy streams)
  package func write(
    scales: borrowing RawSpan, count: Int, at byteOffset: Int, in streams: inout MutableRawSpan
  ) {
    store(scales, as: scaleDType, count: count, at: byteOffset, in: &streams)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], _ layout: ChunkLayout,
    into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws(CodecProblem) {
    let cells = groups.cellCount(layout)
    try scratch.split(at: 8 * cells) { (pairs, rest) throws(CodecProblem) in
      load(buffer.extracting(streams[1]), as: scaleDType, count: cells, at: 0, in: &pairs)
      switch zero {
      case .symmetric:
        let middle = Float(1 << (bits - 1))
        for cell in 0..<cells {
          pairs.storeBytes(of: middle, toByteOffset: 4 * (cells + cell), as: Float.self)
        }
      case .integer:
        let zeros = buffer.extracting(streams[2])
        guard Kernels.best.highestCode(zeros) < 1 << bits else {
          throw CodecProblem(
            .streams, "a zero point is out of range, expected less than \(1 << bits)")
        }
        load(zeros, as: .u8, count: cells, at: 4 * cells, in: &pairs)
      case .float:
        load(
          buffer.extracting(streams[2]), as: scaleDType, count: cells, at: 4 * cells, in: &pairs)
      }
      let steps = arithmetic == .steps ? scaleDType : .f32
      let stream = buffer.extracting(streams[0])
      if codes.isBytes {
        try codes.check(stream, count: layout.elementCount)
        Kernels.best.affineDecode(
          stream, groups.grouping(layout), pairs: pairs.bytes, zero: zero, stepsDType: steps,
          into: &values)
      } else {
        var codes = rest._mutatingExtracting(0..<layout.elementCount)
        try self.codes.unpack(stream, into: &codes)
        Kernels.best.affineDecode(
          codes.bytes, groups.grouping(layout), pairs: pairs.bytes, zero: zero, stepsDType: steps,
          into: &values)
      }
    }
  }
}

/// Writes F32 numbers as `dtype` to `streams`, starting at `byteOffset`.
@_lifetime(streams: copy streams)
func store(
  _ numbers: borrowing RawSpan, as dtype: DType, count: Int, at byteOffset: Int,
  in streams: inout MutableRawSpan
) {
  var target = streams._mutatingExtracting(
    byteOffset..<byteOffset + count * dtype.bitsPerElement / 8)
  do {
    try Kernels.best.convert(
      numbers, from: .f32, to: dtype, elementCount: count, saturating: false, into: &target)
  } catch {
    // The conversion rejects only complex numbers, and a NaN if the dtype has none. Numbers of U8 are
    // integers, and all other dtypes of scales have a NaN.
    preconditionFailure("the numbers of a codec convert to every dtype of scales")
  }
}

/// Reads numbers of `dtype` as F32 into `numbers`, starting at `byteOffset`.
@_lifetime(numbers: copy numbers)
func load(
  _ stream: borrowing RawSpan, as dtype: DType, count: Int, at byteOffset: Int,
  in numbers: inout MutableRawSpan
) {
  var target = numbers._mutatingExtracting(byteOffset..<byteOffset + 4 * count)
  do {
    try Kernels.best.convert(
      stream, from: dtype, to: .f32, elementCount: count, saturating: false, into: &target)
  } catch {
    // F32 has a NaN, and parameters never name a complex dtype.
    preconditionFailure("every dtype of scales and elements converts to F32")
  }
}

extension CodecSurvey {
  /// Adds the minimum and maximum values of cells, stored as two arrays of F32.
  mutating func addRanges(_ ranges: borrowing RawSpan) {
    let half = ranges.byteCount / 2
    for byteOffset in stride(from: 0, to: half, by: 4) {
      low = min(low, ranges.float(at: byteOffset))
      high = max(high, ranges.float(at: half + byteOffset))
    }
  }

  mutating func addScales(_ scales: borrowing RawSpan) {
    for byteOffset in stride(from: 0, to: scales.byteCount, by: 4) {
      let scale = scales.float(at: byteOffset)
      if scale > 0 { minimumScale = min(minimumScale, scale) }
      maximumScale = max(maximumScale, scale)
    }
  }
}

extension RawSpan {
  fileprivate func float(at byteOffset: Int) -> Float {
    Float(bitPattern: littleEndian(UInt32.self, at: byteOffset)!)
  }
}
