import Base

/// One output tensor as a recipe asks for it: which tensors of which models it is made of, and where
/// parameters are looked up.
struct MergeRow: Sendable {
  struct Source: Sendable {
    var model: String
    /// The tensor's name in that model.
    var name: String
    var parameters: MergeParameters
  }

  var name: String
  /// Among the layers: see `LayerNames.position(of:)`.
  var position: Double
  var sources: [Source]
  /// The model whose tensor has the role of the base, if the recipe names one.
  var base: String?
  /// The tensor's name there, if it does not stand among the sources; nil if it has to.
  var baseName: String?
  /// Whether it is merged; otherwise it is copied from the base or the first source.
  var isMerged = true
  /// The scopes beyond a model's own, the narrowest first.
  var scopes: [MergeParameters]

  /// A parameter's value: of the model, the slice, the module or the recipe, whichever first has one for
  /// this tensor.
  func value(_ parameter: MergeParameter, of source: Source?) -> MergeParameters.Value? {
    let name = source?.name ?? name
    for scope in (source.map { [$0.parameters] } ?? []) + scopes {
      if let value = scope.value(parameter.name, tensor: name, position: position) {
        return value
      }
    }
    return nil
  }
}
