package import Base
package import TensorCore

/// F8_E4M3 or F8_E5M2 elements with a float scale for each group. Specification, section 9.5.1.
package struct FP8Codec: ScaledCodec {
  package static let id: UInt8 = 4
  package static let name = "fp8"
  package static let explanation = """
    Stores elements of 8 bits, F8_E4M3 or F8_E5M2, with a scale in F32, F16 or BF16 for each
    group, row or tensor: value = element * scale.
    """
  package static let elements: [DType] = [.f8E4M3, .f8E5M2]

  package private(set) var core: ScaledElements

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

  package var needsSurvey: Bool { core.groups.size == 0 || core.scaleDType != .f32 }

  package func prepared(for survey: CodecSurvey) -> FP8Codec {
    var codec = self
    codec.core.groups = core.groups.prepared(for: survey)
    codec.core.scaleDType = survey.scaleDType(preferring: core.scaleDType)
    return codec
  }
}
