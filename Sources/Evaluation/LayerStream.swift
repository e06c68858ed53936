package import Base
import Checkpoints
import Networks

/// A network that runs block by block over many windows, so that the weights of a block are read once.
///
/// The states are undefined until ``storeEmbeddings()`` or ``BlockJournal`` has set them.
final class LayerStream {
  let network: Network<Float>
  let compute: Compute
  private let parameters: [StreamedParameter]
  /// The tokens of all windows.
  private let inputs: [Int32]
  /// The windows that run together.
  let groups: [WindowGroup]
  private let hidden: HiddenStates
  /// The memory for the weights of a block, in bytes.
  private let weightBudget: Int
  /// The tables of positions by the windows of a group.
  private var positions: [Windows: Positions<Float>] = [:]

  /// Makes room for the states of all windows, which stay in memory if they need no more than half of it.
  /// - Parameters:
  ///   - inputs: The tokens of all windows.
  ///   - groups: The windows that run together.
  ///   - budget: The memory for weights and hidden states, in bytes.
  ///   - folder: The folder of temporary files.
  init(
    _ model: EvaluatedModel, _ inputs: [Int32], _ groups: [WindowGroup], _ compute: Compute,
    budget: Int, folder: String
  ) throws {
    network = model.network
    parameters = model.parameters
    self.inputs = inputs
    self.groups = groups
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

  // MARK: Memory

  /// Returns the peak of a run of one group through the widest block, without weights that stay in memory.
  static func groupByteCount(
    _ network: Network<Float>, _ groups: [WindowGroup], jobs: Int
  ) throws -> Int {
    try Set(groups.map(\.shape)).map { shape in
      let compute = Compute.counting(jobs: jobs)
      let run = Run(network, Tape(compute), try Positions(network, shape, compute))
      let x = Value<Float>(
        [shape.tokenCount, network.configuration.hiddenSize], in: compute.arena)
      for layer in 0..<network.layerCount { _ = try network.block(layer, x, run) }
      return compute.arena.peakByteCount
    }.max() ?? 0
  }

  // MARK: Running

  /// Returns a run over a group.
  func run(_ group: WindowGroup, observer: Observer<Float> = Observer()) throws -> Run<Float> {
    let table = try positions[group.shape] ?? Positions(network, group.shape, compute)
    positions[group.shape] = table
    return Run(network, Tape(compute), table, observer: observer)
  }

  /// Computes the embeddings of all windows.
  func storeEmbeddings() throws {
    for group in groups {
      let ids = Array(inputs[group.tokens])
      try store(network.embed(.tokens(ids), run(group)), group)
    }
  }

  /// Returns the hidden states of a group.
  func states(_ group: WindowGroup) throws -> Value<Float> {
    try hidden.states(group.tokens, in: compute.arena)
  }

  /// The length of all hidden states in bytes.
  var stateByteCount: Int { 4 * inputs.count * network.configuration.hiddenSize }

  /// Writes all hidden states to a file, group by group.
  /// - Returns: The checksum of them and of what has `checksum`.
  func store(in file: OutputFile, at byteOffset: Int, checksum: UInt64) throws -> UInt64 {
    var (place, checksum) = (byteOffset, checksum)
    for group in groups {
      let states = try states(group)
      let numbers = states.span
      // SAFETY: float32 numbers have no padding.
      let bytes = unsafe numbers.bytes
      try file.write(bytes, at: place)
      checksum = XXH64.hash(bytes, seed: checksum)
      place += bytes.byteCount
    }
    return checksum
  }

  /// Reads all hidden states from a file.
  /// - Returns: The checksum of them and of what has `checksum`.
  func restore(from file: InputFile, at byteOffset: Int, checksum: UInt64) throws -> UInt64 {
    var (place, checksum) = (byteOffset, checksum)
    for group in groups {
      let states = Value<Float>(
        [group.tokens.count, network.configuration.hiddenSize], in: compute.arena)
      try Self.fill(states, from: file, at: place)
      let numbers = states.span
      // SAFETY: float32 numbers have no padding.
      let bytes = unsafe numbers.bytes
      checksum = XXH64.hash(bytes, seed: checksum)
      place += bytes.byteCount
      try store(states, group)
    }
    return checksum
  }

  private static func fill(
    _ states: Value<Float>, from file: InputFile, at byteOffset: Int
  ) throws {
    var numbers = states.mutableSpan
    // SAFETY: every bit pattern is a float32 number.
    var bytes = unsafe numbers.mutableBytes
    try file.read(at: byteOffset, into: &bytes)
  }

  /// Returns the name of a weight without what the names of its block start with.
  func name(of weight: String, in layer: Int) -> String {
    let prefix = network.blockPrefix(layer)
    return weight.hasPrefix(prefix)
      ? String(Substring(weight.utf8.dropFirst(prefix.utf8.count))) : weight
  }

  /// Calls `body` while the weights of a block are in memory, if they fit.
  func withWeights(of layer: Int, _ body: () throws -> Void) throws {
    let prefix = network.blockPrefix(layer)
    let own = parameters.filter { $0.name.hasPrefix(prefix) }
    defer { for parameter in own { parameter.unload() } }
    if groups.count > 1, own.reduce(0, { $0 + $1.byteCount }) <= weightBudget {
      for parameter in own { try parameter.load(compute) }
    }
    try body()
  }

  /// Returns the states of a group after a block.
  /// - Throws: ``FormatError`` if they become NaN or infinite, which names the block.
  func output(
    of layer: Int, _ input: Value<Float>, _ group: WindowGroup,
    observer: Observer<Float> = Observer()
  ) throws -> Value<Float> {
    let output = try network.block(layer, input, run(group, observer: observer))
    guard try compute.isFinite(output) else {
      throw FormatError(
        .nonfiniteStates, "block \(layer): the hidden states became NaN or infinite",
        path: network.path, hint: "compare the weights of the block with those of the original")
    }
    return output
  }

  /// Stores the states of a group.
  func store(_ states: Value<Float>, _ group: WindowGroup) throws {
    try hidden.store(states, group.tokens)
  }

  /// Runs a block over all windows.
  func step(
    _ layer: Int, observer: (WindowGroup) -> Observer<Float> = { _ in Observer() }
  ) throws {
    try withWeights(of: layer) {
      for group in groups {
        try store(output(of: layer, states(group), group, observer: observer(group)), group)
      }
    }
  }

  /// Replaces the states after the last block by those that the output layer reads.
  func finish() throws {
    for group in groups { try store(network.normalized(states(group), run(group)), group) }
  }

  /// Returns the logits of a group for some tokens of the vocabulary.
  /// - Parameter tile: The rows of the output layer for these tokens.
  func logits(_ group: WindowGroup, _ tile: ResidentParameter<Float>) throws -> Value<Float> {
    try network.logits(states(group), tile, run(group))
  }
}

extension FormatError.Code {
  package static let nonfiniteStates = FormatError.Code(
    "network.nonfinite",
    meaning: "The forward pass of a model computes NaN or infinity.",
    remedy: "Compare the weights of the named block with those of the original.")
}
