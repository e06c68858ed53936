import Base

/// A tensor of the output as the recipe asks for it: its source tensors, and the scopes of its parameters.
struct MergeRow: Sendable {
  /// A source tensor with the parameters of its model.
  struct Source: Sendable {
    var model: String
    /// The tensor's name in that model.
    var name: String
    var parameters: MergeParameters
  }

  var name: String
  /// The position among the layers, from 0 to 1; see `LayerNames.position(of:)`.
  var position: Double
  var sources: [Source]
  /// The model whose tensor has the role of the base, if the recipe names one.
  var base: String?
  /// The tensor's name in the base if the base is not a source; nil if the base must be a source.
  var baseName: String?
  /// True if the tensor is merged; otherwise it is copied from the base or the first source.
  var isMerged = true
  /// The scopes outside a model's own parameters, the narrowest first.
  var scopes: [MergeParameters]

  /// Returns the value of a parameter for this tensor: from the model, the slice, the module or the recipe,
  /// whichever has one first.
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
