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
  /// - Precondition: With a journal, which keeps sums alone, there are neither products nor changed blocks.
  /// - Complexity: that of ``scores(of:)``, and O(tokens · channels) for each layer, O(tokens · channels²) with products.
  package func calibration(
    of model: EvaluatedModel, products: Set<String> = [],
    changed: ((_ layer: Int, _ measured: Calibration) throws -> EvaluatedModel)? = nil
  ) throws -> Calibration {
    precondition(journal == nil || products.isEmpty && changed == nil)
    var result = Calibration(try model.linearLayers())
    try tally(model, &result, products: products, isSequential: changed != nil) {
      layer, inputs, result in
      for input in inputs { result.set(input) }
      guard let layer else { return nil }
      return try changed?(layer, result)
    }
    return result
  }

  /// Returns the sums over the inputs of all linear layers without rounding, if the windows are a part of all.
  /// - Precondition: There is no journal, which keeps rounded sums.
  package func calibrationPart(of model: EvaluatedModel) throws -> CalibrationPart {
    precondition(journal == nil)
    var part = CalibrationPart()
    var figures = NoFigures()
    try tally(model, &figures) { _, inputs, _ in
      for input in inputs { part.append(input.sums) }
      return nil
    }
    return part
  }

  /// The ranges of windows that run together.
  package static func groups(of windows: TokenWindows) -> [Range<Int>] {
    windows.groups.map { group in
      let first = group.tokens.lowerBound / windows.length
      return first..<first + group.windows.sequenceCount
    }
  }

  /// Returns the memory for the sums over the inputs of one block, in bytes.
  package static func tallyByteCount(of layers: [LinearLayer], _ model: EvaluatedModel) -> Int {
    var largest = 0
    for layer in 0..<model.layerCount {
      let weights = Set(model.weights(ofBlock: layer, among: layers))
      let channels = layers.reduce(0) {
        $0 + (weights.contains($1.weight) && !$1.sharesInput ? $1.channelCount : 0)
      }
      largest = max(largest, channels)
    }
    return largest * ExactChannelSums.channelByteCount
  }

  /// Runs the windows through the network, and gives `body` the inputs of the layers of each block, and at last of the output
  /// layer.
  /// - Parameters:
  ///   - figures: What `body` measured so far, which a journal keeps after each block.
  ///   - isSequential: True if blocks after a block read what its outputs become with the model that `body` returns.
  ///   - body: Returns the model whose block takes the place of the block that was measured; nil for the model itself.
  private func tally<Figures: BlockFigures>(
    _ model: EvaluatedModel, _ figures: inout Figures, products: Set<String> = [],
    isSequential: Bool = false,
    _ body: (_ layer: Int?, [MeasuredInput], inout Figures) throws -> EvaluatedModel?
  ) throws {
    let stream = try stream(model, share: 1)
    let tally = InputTally(products, path: model.path, compute)
    var last: EvaluatedModel?
    try walk([stream], &figures, passes: isSequential ? 2 : 1) { layer, figures in
      try stream.step(layer, observer: { _ in tally.observer }, isStored: !isSequential)
      let changed = try body(layer, tally.finish(), &figures)
      if isSequential {
        try stream.step(layer, in: changed)
        last = changed
      }
    }
    guard model.hasLogits else { return }
    try stream.finish(in: last)
    let output = try model.network.outputWeightName()
    for group in stream.groups { try tally.add(stream.states(group), of: output) }
    _ = try body(nil, tally.finish(), &figures)
    progress(windows.inputs.count)
  }
}

/// The sums over an input, and its products if a layer asked for them.
struct MeasuredInput {
  var sums: CalibrationPart.Input
  var products: InputProducts?
  /// The weights of the layers that asked for products.
  var wanted: [String] = []
}

/// Adds up the inputs of the linear layers of a block while it runs.
private final class InputTally {
  /// The inputs of the block, in the order of their use.
  private var inputs: [MeasuredInput] = []
  /// The place of the input of each weight.
  private var places: [String: Int] = [:]
  private let wanted: Set<String>
  private let path: String
  private let compute: Compute
  /// The input of the layer before. Layers with the same input, such as queries, keys and values, share its sums and
  /// products.
  private var last: (input: Value<Float>, place: Int, hasProducts: Bool)?

  init(_ wanted: Set<String>, path: String, _ compute: Compute) {
    self.wanted = wanted
    self.path = path
    self.compute = compute
  }

  var observer: Observer<Float> {
    var observer = Observer<Float>()
    observer.linearInput = { try self.add($1, of: $0) }
    return observer
  }

  func add(_ input: Value<Float>, of weight: String) throws {
    let shared = last.flatMap { $0.input === input ? $0 : nil }
    let place = places[weight] ?? shared?.place ?? inputs.count
    if place == inputs.count {
      inputs.append(
        MeasuredInput(
          sums: CalibrationPart.Input(
            weights: [], channelCount: input.columns,
            sums: ExactChannelSums(channelCount: input.columns))))
    }
    if places.updateValue(place, forKey: weight) == nil {
      inputs[place].sums.weights.append(weight)
      if wanted.contains(weight) { inputs[place].wanted.append(weight) }
    }
    if shared == nil, try !inputs[place].sums.sums.add(input, compute) {
      throw FormatError(
        .nonfiniteStates, "the squares of the inputs of \(weight.printable) exceed float32",
        path: path, hint: "compare the weights before it with those of the original")
    }
    var hasProducts = shared?.hasProducts ?? false
    if wanted.contains(weight), !hasProducts {
      let products =
        inputs[place].products ?? InputProducts(channelCount: input.columns, compute)
      try products.add(input, compute)
      inputs[place].products = products
      hasProducts = true
    }
    last = (input, place, hasProducts)
  }

  /// Returns the inputs of a block, and starts over.
  func finish() -> [MeasuredInput] {
    defer { (inputs, places, last) = ([], [:], nil) }
    return inputs
  }
}
