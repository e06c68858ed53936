package import TensorCore

/// F8_E4M3 or F8_E5M2 with a scale of float for each group. Specification, section 9.5.1.
package struct FP8Codec: ValueCodec {
  package static let id: UInt8 = 4
  package static let name = "fp8"
  package static let isLossless = false
  package static let elements: [DType] = [.f8E4M3, .f8E5M2]

  private var core: ScaledElements

  package init(element: DType = .f8E4M3, groups: GroupSpec, scaleDType: DType = .f32) {
    precondition(Self.elements.contains(element))
    core = ScaledElements(
      element: element, groups: groups, scaleDType: scaleDType, packing: .bits)
  }

  package init(_ parameters: CBORMap, dtype: DType, dimensions: [Int]) throws(CodecProblem) {
    var reader = ParameterReader(parameters, of: Self.name)
    core = ScaledElements(
      element: try reader.dtype("element", among: Self.elements),
      groups: try GroupSpec(&reader, dimensions: dimensions),
      scaleDType: try reader.dtype("scale", among: AffineCodec.scaleDTypes), packing: .bits)
    try reader.finish()
  }

  package var parameters: CBORMap {
    var map = core.groups.parameters
    map["element"] = .text(core.element.name)
    map["scale"] = .text(core.scaleDType.name)
    return map
  }

  package var label: String {
    let name = core.element == .f8E4M3 ? "fp8" : "fp8_\(core.element.elementName)"
    let scale = core.scaleDType == .f32 ? "" : ":\(core.scaleDType.name.lowercased())"
    return "\(name):\(core.groups.label(rowLength: nil))\(scale)"
  }

  package func streamByteCounts(_ layout: ChunkLayout) -> [Int] { core.streamByteCounts(layout) }
  package func scratchByteCount(_ layout: ChunkLayout) -> Int { core.scratchByteCount(layout) }
  package var needsSurvey: Bool { core.groups.size == 0 || core.scaleDType == .f16 }

  @_lifetime(scratch: copy scratch)
  package func survey(
    _ values: borrowing RawSpan, _ layout: ChunkLayout, into survey: inout CodecSurvey,
    scratch: inout MutableRawSpan
  ) {
    core.survey(values, layout, into: &survey, scratch: &scratch)
  }

  package func prepared(for survey: CodecSurvey) -> FP8Codec {
    var codec = self
    codec.core.groups = core.groups.prepared(for: survey)
    codec.core.scaleDType = survey.scaleDType(preferring: core.scaleDType)
    return codec
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
