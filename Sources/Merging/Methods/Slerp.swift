/// A merge method that interpolates between the base and one model on the great circle through them; t = 0 is
/// the base.
///
/// Source: Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.
package enum Slerp: MergeMethod {
  package static let name = "slerp"
  package static let summary = "between two models along the great circle"
  package static let explanation = """
    Goes from the base to one model along the great circle through both, by the share t: 0 is
    the base and 1 the other model. The length of the tensors is kept better than by a mean.
    Source: Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.
    """
  package static let needsBase = true
  package static let modelCounts = 1...1
  package static let parameters: [MergeParameter] = [.shared("t", .required)]

  package static func combination(_ values: MethodValues) throws(MergeFault) -> Combination {
    .slerp(t: values.number("t", default: 0))
  }
}
