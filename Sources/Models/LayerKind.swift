/// A kind of tensor in a run of layers, such as all `self_attn.q_proj` of the layers of a decoder.
package struct LayerKind: Hashable, Sendable {
  /// The text before the layer number with its last dot, such as `decoder.layers.`.
  package var run: String
  /// The name in the layer, with `*` for other numbers, such as of experts.
  package var name: String

  package init(_ place: LayerNames.Parts) {
    run = place.prefix
    let parts = place.suffix.split(separator: ".").map { part in
      part.utf8.allSatisfy { (48...57).contains($0) } ? "*" : String(part)
    }
    name = (parts.last == "weight" ? parts.dropLast() : parts[...]).joined(separator: ".")
  }

  /// Returns the name, with that of the run if the model has several.
  package func label(runCount: Int) -> String {
    guard runCount > 1 else { return name }
    return [name, Self.runLabel(run)].filter { !$0.isEmpty }.joined(separator: ", ")
  }

  /// Returns the name of a run without its last dot, such as `decoder.layers`.
  package static func runLabel(_ run: String) -> String {
    run.hasSuffix(".") ? String(run.dropLast()) : "layers without a name"
  }
}
