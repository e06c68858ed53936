import Base
import TensorCore

/// Small floats with a scale for each group: the common part of fp8, mx and nvfp4. Specification, section 9.5.
///
/// The value is element · scale in float32, rounded once. If the tensor has a global scale, each scale is first
/// combined with it and rounded once.
package struct ScaledElements: Sendable, Equatable {
  /// The operation that combines the global scale with the scales.
  enum GlobalUse: String, Sendable, CaseIterable {
    case multiply, divide
  }

  var element: DType
  var codes: CodeStream
  var groups: GroupSpec
  var scaleDType: DType
  var global: Float?
  var globalUse = GlobalUse.multiply

  init(
    element: DType, groups: GroupSpec, scaleDType: DType, global: Float? = nil,
    packing: CodeStream.Packing
  ) {
    self.element = element
    self.groups = groups
    self.scaleDType = scaleDType
    self.global = global
    codes = CodeStream(bits: element.bitsPerElement, packing: packing)
  }

  func streamByteCounts(_ layout: ChunkLayout) -> [Int] {
    [
      codes.byteCount(layout.elementCount),
      groups.cellCount(layout) * scaleDType.bitsPerElement / 8,
    ]
  }

  /// Returns the size in bytes of ranges, scales and quotients; packed elements use the memory of the quotients.
  func scratchByteCount(_ layout: ChunkLayout) -> Int {
    16 * groups.cellCount(layout) + 5 * layout.elementCount + 8
  }

  @_lifetime(scratch: copy scratch)
  func survey(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into survey: inout CodecSurvey,
    scratch: inout MutableRawSpan
  ) {
    let cells = groups.cellCount(layout)
    scratch.split(at: 8 * cells) { ranges, rest in
      groups.ranges(of: values, layout, into: &ranges)
      survey.addRanges(ranges.bytes)
      guard scaleDType == .f16 || scaleDType == .bf16 || scaleDType == .f32 else { return }
      Kernels.best.elementScales(
        ranges.bytes, scaleDType: .f32, limit: element.largestElement, largestExponent: 0,
        global: 1, into: &rest)
      survey.addScales(rest.bytes.extracting(0..<4 * cells))
    }
  }

  @_lifetime(streams: copy streams)
  @_lifetime(scratch: copy scratch)
  func encode(
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
          ranges.bytes, scaleDType: scaleDType, limit: element.largestElement,
          largestExponent: element.largestExponent, global: global ?? 1, into: &scales)
        store(scales.bytes, as: scaleDType, count: cells, at: lengths[0], in: &streams)
        // From here on, the memory of the ranges contains the effective scales.
        combine(scales.bytes, into: &ranges)
        rest.split(at: 4 * count) { quotients, packed in
          Kernels.best.divide(
            values, groups.grouping(layout),
            byScales: ranges.bytes.extracting(0..<4 * cells), into: &quotients)
          var stream = streams._mutatingExtracting(0..<lengths[0])
          guard codes.isBytes, codes.bits < 8 else {
            return convert(quotients.bytes, count: count, into: &stream)
          }
          convert(quotients.bytes, count: count, into: &packed)
          Kernels.best.unpack(packed.bytes, bits: codes.bits, into: &stream)
        }
      }
    }
  }

  /// Converts quotients to packed elements; those that are too large become the largest element.
  @_lifetime(target: copy target)
  private func convert(
    _ quotients: borrowing RawSpan, count: Int, into target: inout MutableRawSpan
  ) {
    do {
      try Kernels.best.convert(
        quotients, from: .f32, to: element, elementCount: count, saturating: true, into: &target)
    } catch {
      // Encoders reject values that are not finite, and scales are above 0 where they divide. A finite number
      // divided by a number above 0, even by infinity, is not NaN.
      preconditionFailure("quotients of finite values are not NaN")
    }
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], _ layout: ChunkLayout,
    into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws(CodecProblem) {
    let cells = groups.cellCount(layout)
    let count = layout.elementCount
    let stream = buffer.extracting(streams[0])
    try codes.check(stream, count: count)
    scratch.split(at: 8 * cells) { scales, rest in
      rest.split(at: 4 * cells) { stored, packed in
        load(buffer.extracting(streams[1]), as: scaleDType, count: cells, at: 0, in: &stored)
        combine(stored.bytes, into: &scales)
        if codes.isBytes, codes.bits < 8 {
          Kernels.best.pack(stream, bits: codes.bits, into: &packed)
          load(packed.bytes, as: element, count: count, at: 0, in: &values)
        } else {
          load(stream, as: element, count: count, at: 0, in: &values)
        }
        Kernels.best.multiply(
          inPlace: &values, groups.grouping(layout),
          byScales: scales.bytes.extracting(0..<4 * cells))
      }
    }
  }

  /// Writes the effective scales: the given scales, combined with the global scale if there is one.
  @_lifetime(target: copy target)
  private func combine(_ scales: borrowing RawSpan, into target: inout MutableRawSpan) {
    let cells = scales.byteCount / 4
    guard let global else {
      return target.copy(scales)
    }
    let whole = Grouping(dimensions: [max(1, cells)], axis: 0, size: 0, start: 0)
    let number = [global]
    switch globalUse {
    case .multiply:
      Kernels.best.multiply(scales, whole, byScales: number.rawSpan, into: &target)
    case .divide: Kernels.best.divide(scales, whole, byScales: number.rawSpan, into: &target)
    }
  }
}

/// A codec that consists of scaled elements with its own parameters.
package protocol ScaledCodec: ValueCodec {
  var core: ScaledElements { get }
}

extension ScaledCodec {
  package static var isLossless: Bool { false }

  package func streamByteCounts(_ layout: ChunkLayout) -> [Int] { core.streamByteCounts(layout) }
  package func scratchByteCount(_ layout: ChunkLayout) -> Int { core.scratchByteCount(layout) }

  @_lifetime(scratch: copy scratch)
  package func survey(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into survey: inout CodecSurvey,
    scratch: inout MutableRawSpan
  ) {
    core.survey(values, layout, into: &survey, scratch: &scratch)
  }

  @_lifetime(streams: copy streams)
  @_lifetime(scratch: copy scratch)
  package func encode(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into streams: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) {
    core.encode(values, layout, into: &streams, scratch: &scratch)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], _ layout: ChunkLayout,
    into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws(CodecProblem) {
    try core.decode(buffer, streams: streams, layout, into: &values, scratch: &scratch)
  }
}

extension DType {
  /// The largest finite value of a float with at most 8 bits.
  var largestElement: Float {
    switch self {
    case .f4: 6
    case .f6E2M3: 7.5
    case .f6E3M2: 28
    case .f8E4M3: 448
    case .f8E5M2: 57344
    case .bool, .u8, .i8, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ, .i16, .u16, .f16, .bf16, .i32, .u32,
      .f32, .c64, .f64, .i64, .u64:
      // Parameters are read as one of the elements that the codec lists, all of which are above.
      preconditionFailure("\(name) is not an element of a scaled codec")
    }
  }

  /// The exponent of the largest finite value.
  var largestExponent: Int { largestElement.exponentInt }

  /// The name on the command line and in parameters: `e4m3` for F8_E4M3.
  var elementName: String {
    switch self {
    case .f4: "e2m1"
    case .f6E2M3: "e2m3"
    case .f6E3M2: "e3m2"
    case .f8E4M3: "e4m3"
    case .f8E5M2: "e5m2"
    case .bool, .u8, .i8, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ, .i16, .u16, .f16, .bf16, .i32, .u32,
      .f32, .c64, .f64, .i64, .u64:
      name.lowercased()
    }
  }
}

extension Float {
  fileprivate var exponentInt: Int { Int(exponent) }
}
