/// A part of a network during a run: operations whose parameters are found by names after a prefix.
package struct Scope<Scalar: NetworkScalar> {
  let run: Run<Scalar>
  let prefix: String
  /// The index of the block; nil outside of the blocks.
  let layer: Int?

  init(_ run: Run<Scalar>, _ prefix: String, layer: Int? = nil) {
    self.run = run
    self.prefix = prefix
    self.layer = layer
  }

  var configuration: NetworkConfiguration { run.network.configuration }
  var tape: Tape<Scalar> { run.tape }
  var windows: Windows { run.positions.windows }

  /// Returns a part of this part.
  func scope(_ name: String) -> Scope { Scope(run, prefix + name + ".", layer: layer) }

  func parameter(_ name: String, _ shape: Int...) throws -> any Parameter<Scalar> {
    try run.network.parameter(prefix + name, shape)
  }

  // MARK: Layers

  /// Returns the rows of an embedding table for tokens or positions.
  func embedding(_ ids: [Int32], _ name: String, of count: Int) throws -> Value<Scalar> {
    try tape.apply(
      Embedding(ids), [], [parameter(name + ".weight", count, configuration.hiddenSize)])
  }

  /// Returns x Wᵀ + b.
  /// - Parameter width: The number of outputs.
  func linear(
    _ x: Value<Scalar>, _ name: String, to width: Int, hasBias: Bool = false
  ) throws -> Value<Scalar> {
    let weight = try parameter(name + ".weight", width, x.columns)
    let bias = hasBias ? [try parameter(name + ".bias", width)] : []
    return try linear(x, [weight] + bias)
  }

  /// Returns x Wᵀ + b for given parameters.
  func linear(_ x: Value<Scalar>, _ weights: [any Parameter<Scalar>]) throws -> Value<Scalar> {
    try observe(x, weights[0])
    return try adapted(x, weights, isTransposed: false)
      ?? tape.apply(
        Linear(isSparse: weights[0].pattern?.isSparse == true), [x], weights)
  }

  /// Returns the output of a linear layer with its adapter; nil if it has none.
  private func adapted(
    _ x: Value<Scalar>, _ weights: [any Parameter<Scalar>], isTransposed: Bool
  ) throws -> Value<Scalar>? {
    guard let adapter = run.network.adapters[weights[0].name] else { return nil }
    let y = try tape.apply(
      LowRankLinear(scale: adapter.scale, isTransposed: isTransposed), [x],
      [weights[0], adapter.a, adapter.b])
    return weights.count > 1 ? try tape.apply(RowSum(), [y], [weights[1]]) : y
  }

  /// Returns x W + b, with W stored as GPT-2 does.
  func linearTransposed(
    _ x: Value<Scalar>, _ name: String, to width: Int
  ) throws -> Value<Scalar> {
    let weights = [
      try parameter(name + ".weight", x.columns, width), try parameter(name + ".bias", width),
    ]
    try observe(x, weights[0])
    return try adapted(x, weights, isTransposed: true)
      ?? tape.apply(LinearTransposed(), [x], weights)
  }

  private func observe(_ x: Value<Scalar>, _ weight: any Parameter<Scalar>) throws {
    try run.observer.linearInput?(weight.name, x)
  }

  /// Returns x normalized by its root mean square.
  /// - Parameters:
  ///   - width: The number of values that are normalized together; nil for a whole row.
  ///   - addsOne: True to multiply by 1 + weight.
  func rmsNorm(
    _ x: Value<Scalar>, _ name: String, width: Int? = nil, addsOne: Bool = false
  ) throws -> Value<Scalar> {
    try tape.apply(
      RMSNorm(epsilon: configuration.epsilon, addsOne: addsOne), [x],
      [parameter(name + ".weight", width ?? x.columns)])
  }

  func layerNorm(_ x: Value<Scalar>, _ name: String) throws -> Value<Scalar> {
    try tape.apply(
      LayerNorm(epsilon: configuration.epsilon), [x],
      [parameter(name + ".weight", x.columns), parameter(name + ".bias", x.columns)])
  }

  func activation(_ x: Value<Scalar>) throws -> Value<Scalar> {
    try tape.apply(Activation(configuration.activation), [x])
  }

  func gated(_ gate: Value<Scalar>, _ up: Value<Scalar>) throws -> Value<Scalar> {
    try tape.apply(Gated(configuration.activation), [gate, up])
  }

  func sum(_ values: Value<Scalar>...) throws -> Value<Scalar> { try tape.apply(Sum(), values) }

  func columns(_ range: Range<Int>, of x: Value<Scalar>) throws -> Value<Scalar> {
    try tape.apply(ColumnSlice(range), [x])
  }

  /// Returns the logits of the output layer: those of the embedding table if the model ties them.
  /// - Parameter embedding: The name of the embedding table after the prefix.
  func logits(_ x: Value<Scalar>, embedding: String) throws -> Value<Scalar> {
    let weight = try run.network.outputWeight(embedding: embedding)
    let logits = try linear(x, [weight])
    guard let cap = configuration.finalSoftcap else { return logits }
    return try tape.apply(Softcap(cap), [logits])
  }
}
