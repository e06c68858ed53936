import Base

/// Mixtral: Mistral with a mixture of experts, of which a router selects some for each token.
///
/// Source: Jiang et al., "Mixtral of experts".
enum Mixtral: Family {
  static let modelTypes = ["mixtral"]
  static let facts = ArchitectureFacts(activation: "silu", epsilon: 1e-5, windowsAllLayers: true)

  static func unsupportedSettings(of object: JSONObject) -> [String] {
    object["num_local_experts"] == nil ? ["num_local_experts is missing"] : []
  }

  static func block<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S> {
    let h = try layer.sum(
      x, layer.scope("self_attn").selfAttention(layer.rmsNorm(x, "input_layernorm")))
    return try layer.sum(
      h, mixture(layer.rmsNorm(h, "post_attention_layernorm"), layer.scope("block_sparse_moe")))
  }

  /// Returns the sum of the experts' outputs, each times its share.
  private static func mixture<S: NetworkScalar>(_ x: Value<S>, _ layer: Scope<S>) throws -> Value<S>
  {
    let c = layer.configuration
    let shares = try layer.tape.apply(
      TopShares(c.expertsPerToken), [layer.linear(x, "gate", to: c.expertCount)])
    let rows = layer.rows(shares, expertsPerToken: c.expertsPerToken)
    var outputs: [Value<S>] = []
    for (index, rows) in rows.enumerated() {
      let expert = layer.scope("experts.\(index)")
      let own = try layer.tape.apply(RowSelection(rows), [x])
      let gate = try expert.linear(own, "w1", to: c.intermediateSize)
      let up = try expert.linear(own, "w3", to: c.intermediateSize)
      outputs.append(try expert.linear(expert.gated(gate, up), "w2", to: c.hiddenSize))
    }
    return try layer.tape.apply(ExpertSum(rows), [shares] + outputs)
  }
}

extension Scope {
  /// Returns the rows of each expert: those in which its share is not 0.
  ///
  /// If memory is counted, all rows belong to the first experts, which needs the most.
  func rows(_ shares: Value<Scalar>, expertsPerToken: Int) -> [[Int]] {
    let count = shares.columns
    if tape.isCounting {
      return (0..<count).map { $0 < expertsPerToken ? Array(0..<shares.rows) : [] }
    }
    let span = shares.span
    return (0..<count).map { expert in
      (0..<shares.rows).filter { span[$0 * count + expert] != 0 }
    }
  }
}
