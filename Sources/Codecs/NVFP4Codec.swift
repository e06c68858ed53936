package import Base
package import TensorCore

/// F4 elements with an F8_E4M3 scale for each group and a global scale for the tensor.
/// Specification, section 9.5.3.
package struct NVFP4Codec: ScaledCodec {
  package static let id: UInt8 = 6
  package static let name = "nvfp4"
  package static let explanation = """
    Stores elements of 4 bits with a scale in F8_E4M3 for each group of 16, and one scale in
    F32 for the tensor: value = element * scale * global scale.
    """
  package static let standardGroupSize = 16

  package private(set) var core: ScaledElements

  /// - Parameter global: The factor of all scales. A survey replaces it.
  package init(groups: GroupSpec, global: Float = 1) {
    precondition(groups.size > 0 && global > 0 && global.isFinite)
    core = ScaledElements(
      element: .f4, groups: groups, scaleDType: .f8E4M3, global: global, packing: .bits)
  }

  package init(_ parameters: CBORMap, dtype: DType, dimensions: [Int]) throws(CodecProblem) {
    var reader = ParameterReader(parameters, of: Self.name)
    core = ScaledElements(
      element: .f4, groups: try GroupSpec(&reader, dimensions: dimensions), scaleDType: .f8E4M3,
      global: try reader.float("global"), packing: .bits)
    core.globalUse = try reader.choice("arithmetic", ScaledElements.GlobalUse.self)
    try reader.finish()
    guard core.groups.size > 0, (core.global ?? 0) > 0 else {
      throw reader.problem("needs a group size and a global scale above 0")
    }
  }

  package var parameters: CBORMap {
    var map = core.groups.parameters
    map["global"] = .float(Double(core.global ?? 1))
    map["arithmetic"] = .text(core.globalUse.rawValue)
    return map
  }

  package var label: String {
    core.groups.size == Self.standardGroupSize ? "nvfp4" : "nvfp4:g\(core.groups.size)"
  }

  package var needsSurvey: Bool { true }

  /// Returns the codec with a global scale that maps the largest value to the largest element and the largest scale.
  package func prepared(for survey: CodecSurvey) -> NVFP4Codec {
    var codec = self
    let global = survey.largest / (DType.f4.largestElement * DType.f8E4M3.largestElement)
    codec.core.global = global > 0 ? global : 1
    return codec
  }
}
