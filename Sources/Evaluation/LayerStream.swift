package import Base
import Checkpoints
import Networks

/// A network that runs block by block over many windows, so that the weights of a block are read once.
///
/// Windows run in groups of about 512 tokens, whatever the memory is, so that results do not depend on it.
final class LayerStream {
  /// The number of tokens of a group that holds more than one window.
  static let groupTokenCount = 512

  let network: Network<Float>
  let windows: TokenWindows
  let compute: Compute
  private let parameters: [StreamedParameter]
  /// The windows that run together.
  let groups: [Range<Int>]
  private let hidden: HiddenStates
  /// The memory for the weights of a block, in bytes.
  private let weightBudget: Int
  /// The tables of positions by the number of windows of a group.
  private var positions: [Int: Positions<Float>] = [:]

  /// Computes the embeddings of all windows. Their states stay in memory if they need no more than half of it.
  /// - Parameters:
  ///   - parameters: The parameters of the network that can be held in memory.
  ///   - budget: The memory for weights and hidden states, in bytes.
  ///   - folder: The folder of temporary files.
  init(
    _ network: Network<Float>, _ parameters: [StreamedParameter], _ windows: TokenWindows,
    _ compute: Compute, budget: Int, folder: String
  ) throws {
    self.network = network
    self.parameters = parameters
    self.windows = windows
    self.compute = compute
    let size = Self.groupSize(windows)
    groups = stride(from: 0, to: windows.count, by: size).map {
      $0..<min(windows.count, $0 + size)
    }
    let width = network.configuration.hiddenSize
    let byteCount = 4 * windows.inputs.count * width
    let isInMemory = byteCount <= budget / 2
    weightBudget = budget - (isInMemory ? byteCount : 0)
    hidden = try HiddenStates(
      tokenCount: windows.inputs.count, width: width, folder: isInMemory ? nil : folder,
      in: compute.arena)
    try storeEmbeddings()
  }

  /// Returns the number of windows of a group.
  private static func groupSize(_ windows: TokenWindows) -> Int {
    max(1, groupTokenCount / windows.length)
  }

  var layerCount: Int { network.layerCount }

  // MARK: Memory

  /// Returns the peak of a run of one group through the widest block, without weights that stay in memory.
  static func groupByteCount(
    _ network: Network<Float>, _ windows: TokenWindows, jobs: Int
  ) throws -> Int {
    let compute = Compute.counting(jobs: jobs)
    let size = min(windows.count, groupSize(windows))
    let shape = Windows(sequenceCount: size, length: windows.length)
    let run = Run(network, Tape(compute), try Positions(network, shape, compute))
    let x = Value<Float>(
      [shape.tokenCount, network.configuration.hiddenSize], in: compute.arena)
    for layer in 0..<network.layerCount { _ = try network.block(layer, x, run) }
    return compute.arena.peakByteCount
  }

  // MARK: Running

  /// Returns the tokens of a group.
  func tokens(_ group: Range<Int>) -> Range<Int> {
    group.lowerBound * windows.length..<group.upperBound * windows.length
  }

  /// Returns a run over a group.
  /// - Parameter model: A model that takes the place of the network of the stream.
  func run(
    _ group: Range<Int>, in model: EvaluatedModel? = nil, observer: Observer<Float> = Observer()
  ) throws -> Run<Float> {
    let known = positions[group.count]
    let table =
      try known
      ?? Positions(
        network, Windows(sequenceCount: group.count, length: windows.length), compute)
    positions[group.count] = table
    return Run(model?.network ?? network, Tape(compute), table, observer: observer)
  }

  /// Computes the embeddings of all windows.
  private func storeEmbeddings() throws {
    for group in groups {
      let ids = Array(windows.inputs[tokens(group)])
      try store(network.embed(.tokens(ids), run(group)), group)
    }
  }

  /// Returns the hidden states of a group.
  func states(_ group: Range<Int>) throws -> Value<Float> {
    try hidden.states(tokens(group), in: compute.arena)
  }

  /// Returns the name of a weight without what the names of its block start with.
  func name(of weight: String, in layer: Int) -> String {
    let prefix = network.blockPrefix(layer)
    return weight.hasPrefix(prefix)
      ? String(Substring(weight.utf8.dropFirst(prefix.utf8.count))) : weight
  }

  /// Calls `body` while the weights of a block are in memory, if they fit.
  /// - Parameter model: A model that takes the place of the network of the stream.
  func withWeights(
    of layer: Int, in model: EvaluatedModel? = nil, _ body: () throws -> Void
  ) throws {
    let prefix = (model?.network ?? network).blockPrefix(layer)
    let own = (model?.parameters ?? parameters).filter { $0.name.hasPrefix(prefix) }
    defer { for parameter in own { parameter.unload() } }
    if groups.count > 1, own.reduce(0, { $0 + $1.byteCount }) <= weightBudget {
      for parameter in own { try parameter.load(compute) }
    }
    try body()
  }

  /// Returns the states of a group after a block.
  /// - Parameter model: A model that takes the place of the network of the stream.
  /// - Throws: ``FormatError`` if they become NaN or infinite, which names the block.
  func output(
    of layer: Int, in model: EvaluatedModel? = nil, _ input: Value<Float>, _ group: Range<Int>,
    observer: Observer<Float> = Observer()
  ) throws -> Value<Float> {
    let network = model?.network ?? network
    let output = try network.block(layer, input, run(group, in: model, observer: observer))
    guard try compute.isFinite(output) else {
      throw FormatError(
        .nonfiniteStates, "block \(layer): the hidden states became NaN or infinite",
        path: network.path, hint: "compare the weights of the block with those of the original")
    }
    return output
  }

  /// Stores the states of a group.
  func store(_ states: Value<Float>, _ group: Range<Int>) throws {
    try hidden.store(states, tokens(group))
  }

  /// Runs a block over all windows.
  /// - Parameters:
  ///   - model: A model that takes the place of the network of the stream.
  ///   - isStored: False to leave the states as they are.
  func step(
    _ layer: Int, in model: EvaluatedModel? = nil, observer: Observer<Float> = Observer(),
    isStored: Bool = true
  ) throws {
    try withWeights(of: layer, in: model) {
      for group in groups {
        let output = try output(
          of: layer, in: model, states(group), group, observer: observer)
        if isStored { try store(output, group) }
      }
    }
  }

  /// Replaces the states after the last block by those that the output layer reads.
  /// - Parameter model: A model that takes the place of the network of the stream.
  func finish(in model: EvaluatedModel? = nil) throws {
    let network = model?.network ?? network
    for group in groups {
      try store(network.normalized(states(group), run(group, in: model)), group)
    }
  }

  /// Returns the logits of a group for some tokens of the vocabulary.
  /// - Parameter tile: The rows of the output layer for these tokens.
  func logits(_ group: Range<Int>, _ tile: ResidentParameter<Float>) throws -> Value<Float> {
    try network.logits(states(group), tile, run(group))
  }
}

extension FormatError.Code {
  package static let nonfiniteStates = FormatError.Code(
    "network.nonfinite",
    meaning: "The forward pass of a model computes NaN or infinity.",
    remedy: "Compare the weights of the named block with those of the original.")
}
