import Base
import Networks

extension Evaluator {
  /// Returns the memory that the products of some layers need beside the evaluator, in bytes.
  package static func productByteCount(of layers: [LinearLayer], wanted: Set<String>) -> Int {
    var (kept, working) = (0, 0)
    var isShared = false
    for layer in layers {
      let isWanted = wanted.contains(layer.weight)
      if isWanted, !(layer.sharesInput && isShared) {
        let size = InputProducts.byteCount(channelCount: layer.channelCount)
        kept += size.kept
        working = max(working, size.working)
      }
      isShared = isWanted || (layer.sharesInput && isShared)
    }
    return kept + working
  }

  /// Returns the sums over the inputs of all linear layers.
  /// - Parameters:
  ///   - products: The weights of the layers whose products Xᵀ X are computed too.
  ///   - changed: Returns the model whose block takes the place of the block that was measured last, so that the blocks
  ///     after it read what its outputs become; nil if the model does not change.
  /// - Complexity: that of ``scores(of:)``, and O(tokens · channels) for each layer, O(tokens · channels²) with products.
  package func calibration(
    of model: EvaluatedModel, products: Set<String> = [],
    changed: ((_ layer: Int, _ measured: Calibration) throws -> EvaluatedModel)? = nil
  ) throws -> Calibration {
    let stream = try stream(model, share: 1)
    let tally = InputTally(Calibration(try model.linearLayers()), products, compute)
    var last: EvaluatedModel?
    for layer in 0..<stream.layerCount {
      try stream.step(layer, observer: { _ in tally.observer }, isStored: changed == nil)
      tally.forgetInput()
      if let changed {
        let model = try changed(layer, tally.result)
        try stream.step(layer, in: model)
        last = model
      }
      progress((changed == nil ? 1 : 2) * windows.inputs.count)
    }
    guard model.hasLogits else { return tally.result }
    try stream.finish(in: last)
    let output = try model.network.outputWeightName()
    for group in stream.groups { try tally.add(stream.states(group), of: output) }
    progress(windows.inputs.count)
    return tally.result
  }
}

/// Adds up the inputs of linear layers while a network runs.
private final class InputTally {
  private(set) var result: Calibration
  private let wanted: Set<String>
  private let compute: Compute
  /// The input of the layer before, with its sums. Layers with the same input, such as queries, keys and values, share
  /// its sums and products.
  private var last: (input: Value<Float>, sums: ChannelSums, products: InputProducts?)?

  init(_ result: Calibration, _ wanted: Set<String>, _ compute: Compute) {
    self.result = result
    self.wanted = wanted
    self.compute = compute
  }

  var observer: Observer<Float> {
    var observer = Observer<Float>()
    observer.linearInput = { try self.add($1, of: $0) }
    return observer
  }

  func add(_ input: Value<Float>, of weight: String) throws {
    let shared = last.flatMap { $0.input === input ? $0 : nil }
    let sums = try shared?.sums ?? ChannelSums(input, compute)
    result.add(sums, of: weight)
    var products = shared?.products
    if wanted.contains(weight) { products = try self.products(of: weight, input, shared: products) }
    last = (input, sums, products)
  }

  private func products(
    of weight: String, _ input: Value<Float>, shared: InputProducts?
  ) throws -> InputProducts {
    if let shared {
      result.set(shared, of: weight)
      return shared
    }
    let products =
      result.products(of: weight) ?? InputProducts(channelCount: input.columns, compute)
    try products.add(input, compute)
    result.set(products, of: weight)
    return products
  }

  func forgetInput() { last = nil }
}
