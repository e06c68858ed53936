package import Base
package import TensorCore

/// The microscaling formats of OCP MX 1.0: F4, F6 or F8 elements with a power-of-two scale for each group.
/// Specification, section 9.5.2.
package struct MXCodec: ScaledCodec {
  package static let id: UInt8 = 5
  package static let name = "mx"
  package static let explanation = """
    Stores elements of 4, 6 or 8 bits with a scale for each group of 32 that is a power of
    two. Types mxfp4, mxfp6 and mxfp8 use it.
    Source: OCP Microscaling Formats (MX) Specification 1.0.
    """
  package static let elements: [DType] = [.f4, .f6E2M3, .f6E3M2, .f8E4M3, .f8E5M2]
  package static let standardGroupSize = 32

  package private(set) var core: ScaledElements

  package init(element: DType, groups: GroupSpec, packing: CodeStream.Packing = .bytes) {
    precondition(Self.elements.contains(element) && groups.size > 0)
    core = ScaledElements(
      element: element, groups: groups, scaleDType: .f8E8M0, packing: packing)
  }

  package init(_ parameters: CBORMap, dtype: DType, dimensions: [Int]) throws(CodecProblem) {
    var reader = ParameterReader(parameters, of: Self.name)
    core = ScaledElements(
      element: try reader.dtype("element", among: Self.elements),
      groups: try GroupSpec(&reader, dimensions: dimensions), scaleDType: .f8E8M0, packing: .bits)
    core.codes = try CodeStream(bits: core.element.bitsPerElement, &reader)
    try reader.finish()
    guard core.groups.size > 0 else { throw reader.problem("needs a group size above 0") }
  }

  package var parameters: CBORMap {
    var map = core.groups.parameters
    map["element"] = .text(core.element.name)
    core.codes.write(to: &map)
    return map
  }

  package var label: String {
    let defaultElement: DType? =
      switch core.element.bitsPerElement {
      case 6: .f6E2M3
      case 8: .f8E4M3
      default: .f4
      }
    let name = "mxfp\(core.element.bitsPerElement)"
    let suffix = core.element == defaultElement ? "" : "_\(core.element.elementName)"
    let groups = core.groups.size == Self.standardGroupSize ? "" : ":g\(core.groups.size)"
    return name + suffix + groups
  }
}
