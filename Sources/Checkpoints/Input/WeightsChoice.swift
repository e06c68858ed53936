/// The choices of a user among the weights that an input contains.
package struct WeightsChoice: Sendable, Equatable, Codable {
  /// The path of the dictionary of tensors in a nested file, such as `model.state_dict`; nil to find it.
  package var key: String?
  /// The variant of the weights files in a model folder, such as `fp16`; nil for the files without one.
  package var variant: String?

  package init(key: String? = nil, variant: String? = nil) {
    self.key = key
    self.variant = variant
  }

  /// The options for the lineage of an output.
  package var lineageOptions: [Lineage.Option] {
    [key.map { Lineage.Option("key", $0) }, variant.map { Lineage.Option("variant", $0) }]
      .compactMap(\.self)
  }
}
