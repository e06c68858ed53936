import Models

/// A kind of tensor in a run of layers, such as all `self_attn.q_proj` of the layers of a decoder.
struct LayerKind: Hashable {
  /// The text before the layer number with its last dot, such as `decoder.layers.`.
  var run: String
  /// The name in the layer, with `*` for other numbers, such as of experts.
  var name: String

  init(_ place: LayerNames.Parts) {
    run = place.prefix
    let parts = place.suffix.split(separator: ".").map { part in
      part.utf8.allSatisfy { (48...57).contains($0) } ? "*" : String(part)
    }
    name = (parts.last == "weight" ? parts.dropLast() : parts[...]).joined(separator: ".")
  }

  /// Returns the name, with that of the run if the model has several.
  func label(runCount: Int) -> String {
    guard runCount > 1 else { return name }
    return [name, Self.runLabel(run)].filter { !$0.isEmpty }.joined(separator: ", ")
  }

  /// Returns the name of a run without its last dot, such as `decoder.layers`.
  static func runLabel(_ run: String) -> String {
    run.hasSuffix(".") ? String(run.dropLast()) : "layers without a name"
  }
}
