/// A merge method that copies the tensors of one model, or multiplies them by `scale`, to stack layers.
package enum Passthrough: MergeMethod {
  package static let name = "passthrough"
  package static let summary = "one model's tensors as they are, to stack layers"
  package static let explanation = """
    Copies the tensors of one model, or multiplies them by scale. With slices in a recipe, it
    stacks layers of several models.
    What it loses: nothing, unless scale is given.
    """
  package static let needsBase = false
  package static let modelCounts = 1...1
  package static let parameters: [MergeParameter] = [.each("scale", .optional)]

  package static func combination(_ values: MethodValues) throws(MergeFault) -> Combination {
    .one(scale: values.own[0]["scale"]?.asNumber)
  }
}
