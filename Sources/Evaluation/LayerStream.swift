package import Base
import Checkpoints
import Networks

/// A network that runs block by block over many tokens, so that the weights of a block are read once.
///
/// Tokens run in groups, whatever the memory is, so that results do not depend on it. The states are undefined until
/// ``storeEmbeddings()`` or ``BlockJournal`` has set them.
final class LayerStream {
  let network: Network<Float>
  let compute: Compute
  private let parameters: [StreamedParameter]
  /// The tokens of all groups.
  private let inputs: [Int32]
  let groups: [TokenGroup]
  /// The number of positions that frequencies which depend on the length are for; nil for those of each group.
  private let context: Int?
  private let hidden: HiddenStates
  /// The memory for the weights of a block, in bytes.
  private let weightBudget: Int
  /// The tables of positions that were used last.
  private var positions: [Windows: Positions<Float>] = [:]

  /// Makes room for the states of all tokens, which stay in memory if they need no more than half of it.
  /// - Parameters:
  ///   - inputs: The tokens of all groups.
  ///   - budget: The memory for weights and hidden states, in bytes.
  ///   - folder: The folder of temporary files.
  init(
    _ model: EvaluatedModel, _ inputs: [Int32], _ groups: [TokenGroup], context: Int? = nil,
    _ compute: Compute, budget: Int, folder: String
  ) throws {
    network = model.network
    parameters = model.parameters
    self.inputs = inputs
    self.groups = groups
    self.context = context
    self.compute = compute
    let width = network.configuration.hiddenSize
    let byteCount = 4 * inputs.count * width
    let isInMemory = byteCount <= budget / 2
    weightBudget = budget - (isInMemory ? byteCount : 0)
    hidden = try HiddenStates(
      tokenCount: inputs.count, width: width, folder: isInMemory ? nil : folder,
      in: compute.arena)
  }

  var layerCount: Int { network.layerCount }

  /// The length of all hidden states in bytes.
  var stateByteCount: Int { 4 * inputs.count * network.configuration.hiddenSize }

  // MARK: Memory

  /// Returns the peak of a run of one group through the widest block, with the keys and values of the tokens before it and
  /// without weights that stay in memory.
  static func groupByteCount(
    _ network: Network<Float>, _ windows: Windows, jobs: Int
  ) throws -> Int {
    let compute = Compute.counting(jobs: jobs)
    let configuration = network.configuration
    var run = Run(network, Tape(compute), try Positions(network, windows, compute))
    if windows.start > 0 {
      let shape = [
        windows.sequenceCount * windows.start,
        configuration.keyValueHeadCount * configuration.headDim,
      ]
      let cache = (
        keys: Value<Float>(shape, in: compute.arena), values: Value<Float>(shape, in: compute.arena)
      )
      run.observer.cache = { _ in cache }
    }
    let x = Value<Float>([windows.tokenCount, configuration.hiddenSize], in: compute.arena)
    for layer in 0..<network.layerCount { _ = try network.block(layer, x, run) }
    return compute.arena.peakByteCount
  }

  // MARK: Running

  /// Returns a run over a group.
  /// - Parameter model: A model that takes the place of the network of the stream.
  func run(
    _ group: TokenGroup, in model: EvaluatedModel? = nil, observer: Observer<Float> = Observer()
  ) throws -> Run<Float> {
    let known = positions[group.windows]
    let table = try known ?? Positions(network, group.windows, context: context, compute)
    if known == nil {
      // Windows have at most two shapes; each piece of a long text and each length of sentences has its own.
      if positions.count > 1 { positions.removeAll() }
      positions[group.windows] = table
    }
    return Run(model?.network ?? network, Tape(compute), table, observer: observer)
  }

  /// Computes the embeddings of all tokens.
  func storeEmbeddings() throws {
    for group in groups {
      try store(network.embed(.tokens(Array(inputs[group.tokens])), run(group)), group)
    }
  }

  /// Returns the hidden states of a group.
  func states(_ group: TokenGroup) throws -> Value<Float> {
    try hidden.states(group.tokens, in: compute.arena)
  }

  /// Returns the name of a weight without what the names of its block start with.
  func name(of weight: String, in layer: Int) -> String {
    let prefix = network.blockPrefix(layer)
    return weight.hasPrefix(prefix)
      ? String(Substring(weight.utf8.dropFirst(prefix.utf8.count))) : weight
  }

  /// Calls `body` while the weights of a block are in memory, if they fit.
  /// - Parameters:
  ///   - model: A model that takes the place of the network of the stream.
  ///   - uses: How often each group runs through the block.
  func withWeights(
    of layer: Int, in model: EvaluatedModel? = nil, uses: Int = 1, _ body: () throws -> Void
  ) throws {
    let prefix = (model?.network ?? network).blockPrefix(layer)
    let own = (model?.parameters ?? parameters).filter { $0.name.hasPrefix(prefix) }
    defer { for parameter in own { parameter.unload() } }
    if uses * groups.count > 1, own.reduce(0, { $0 + $1.byteCount }) <= weightBudget {
      try StreamedParameter.load(own, compute)
    }
    try body()
  }

  /// Returns the states of a group after a block.
  /// - Parameter model: A model that takes the place of the network of the stream.
  /// - Throws: ``FormatError`` if they become NaN or infinite, which names the block.
  func output(
    of layer: Int, in model: EvaluatedModel? = nil, _ input: Value<Float>, _ group: TokenGroup,
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
  func store(_ states: Value<Float>, _ group: TokenGroup) throws {
    try hidden.store(states, group.tokens)
  }

  /// Runs a block over all groups.
  /// - Parameters:
  ///   - model: A model that takes the place of the network of the stream.
  ///   - isStored: False to leave the states as they are.
  func step(
    _ layer: Int, in model: EvaluatedModel? = nil,
    observer: (TokenGroup) -> Observer<Float> = { _ in Observer() }, isStored: Bool = true
  ) throws {
    try withWeights(of: layer, in: model) {
      for group in groups {
        let output = try output(
          of: layer, in: model, states(group), group, observer: observer(group))
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

  /// Calls `body` with each tile of the vocabulary and the rows of the output layers for its tokens.
  static func forEachTile(
    of streams: [LayerStream], _ body: (Range<Int>, [ResidentParameter<Float>]) throws -> Void
  ) throws {
    let count = streams[0].network.configuration.vocabularySize
    for start in stride(from: 0, to: count, by: VocabularyScan.tileRowCount) {
      let tile = start..<min(count, start + VocabularyScan.tileRowCount)
      try body(tile, streams.map { try $0.network.outputRows(tile, $0.compute) })
    }
  }

  /// Returns the logits of a group for some tokens of the vocabulary.
  /// - Parameter tile: The rows of the output layer for these tokens.
  func logits(_ group: TokenGroup, _ tile: ResidentParameter<Float>) throws -> Value<Float> {
    try network.logits(states(group), tile, run(group))
  }
}

extension FormatError.Code {
  package static let nonfiniteStates = FormatError.Code(
    "network.nonfinite",
    meaning: "The forward pass of a model computes NaN or infinity.",
    remedy: "Compare the weights of the named block with those of the original.")
}
