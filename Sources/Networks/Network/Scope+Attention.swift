extension Scope {
  private var windowedLayer: NetworkConfiguration.Layer {
    configuration.layers[layer ?? 0]
  }

  /// Returns x with its heads rotated by their positions.
  func rotated(_ x: Value<Scalar>) throws -> Value<Scalar> {
    try tape.apply(
      Rotary(headDim: configuration.headDim),
      [x, run.positions.tables[windowedLayer.rotation]])
  }

  /// Returns the attention of rotated queries and keys, without the output layer.
  func attention(
    _ q: Value<Scalar>, _ k: Value<Scalar>, _ v: Value<Scalar>, isCausal: Bool = true
  ) throws -> Value<Scalar> {
    let layer = layer ?? 0
    if !tape.isCounting { try run.observer.attention?(layer, q, k, v) }
    var (keys, values) = (k, v)
    if windows.start > 0 {
      guard let cache = run.observer.cache else {
        preconditionFailure("windows that start after position 0 need a cache")
      }
      let before = try cache(layer)
      let join = RowConcatenation(sequenceCount: windows.sequenceCount)
      keys = try tape.apply(join, [before.keys, keys])
      values = try tape.apply(join, [before.values, values])
    }
    if !tape.isCounting { try run.observer.extendedCache?(layer, keys, values) }
    let operation = Attention(
      headCount: configuration.headCount, groupCount: configuration.keyValueHeadCount,
      sequenceCount: windows.sequenceCount, scale: configuration.attentionScale,
      softcap: configuration.attentionSoftcap,
      mask: Attention.Mask(
        isCausal: isCausal, window: windowedLayer.window, lengths: windows.lengths))
    if let receive = run.observer.attentionShares, !tape.isCounting {
      try receive(layer, operation.shares(of: q, keys, tape.compute))
    }
    return try tape.apply(operation, [q, keys, values])
  }

  /// Returns the self-attention of Llama and its relatives.
  /// - Parameters:
  ///   - hasBias: True if queries, keys and values have biases.
  ///   - hasOutputBias: True if the output layer has a bias.
  ///   - normalized: Normalizes queries and keys before the rotation, by the name of the norm.
  func selfAttention(
    _ x: Value<Scalar>, hasBias: Bool = false, hasOutputBias: Bool = false,
    normalized: ((Value<Scalar>, String) throws -> Value<Scalar>)? = nil
  ) throws -> Value<Scalar> {
    let (heads, groups) = (configuration.headCount, configuration.keyValueHeadCount)
    let dim = configuration.headDim
    var q = try linear(x, "q_proj", to: heads * dim, hasBias: hasBias)
    var k = try linear(x, "k_proj", to: groups * dim, hasBias: hasBias)
    let v = try linear(x, "v_proj", to: groups * dim, hasBias: hasBias)
    if let normalized { (q, k) = (try normalized(q, "q_norm"), try normalized(k, "k_norm")) }
    let mixed = try attention(rotated(q), rotated(k), v)
    return try linear(
      mixed, "o_proj", to: configuration.hiddenSize, hasBias: hasOutputBias)
  }

  /// Returns the gated feed-forward part: down(f(gate x) · up x).
  func gatedFeedForward(_ x: Value<Scalar>, hasBias: Bool = false) throws -> Value<Scalar> {
    let width = configuration.intermediateSize
    let gate = try linear(x, "gate_proj", to: width, hasBias: hasBias)
    let up = try linear(x, "up_proj", to: width, hasBias: hasBias)
    return try linear(
      gated(gate, up), "down_proj", to: configuration.hiddenSize, hasBias: hasBias)
  }
}
