package import Networks

/// The attention of a block over a group of windows.
package struct ObservedAttention {
  package let layer: Int
  package let windows: Windows
  /// The shares that queries give to keys, shape `[windows · heads · length, length]`.
  package let shares: Value<Float>
}

extension Evaluator {
  /// Returns the memory of the shares of attention of a group, in bytes.
  package static func attentionByteCount(of model: EvaluatedModel, _ windows: TokenWindows) -> Int {
    4 * windows.largestGroup.tokenCount * windows.length * model.network.configuration.headCount
  }
}

extension EvaluatedModel {
  /// The number of attention heads of a block.
  package var headCount: Int { network.configuration.headCount }
  /// True if the blocks have causal attention of heads.
  package var hasAttentionHeads: Bool { network.hasAttentionHeads }
}
