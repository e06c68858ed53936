import Base
import Checkpoints
import Models
import Pruning
import Surveys
import TensorCore
import TestSupport
import Testing

/// Pruning along the inputs of a tensor, wherever its role puts them.
@Suite struct RowTests {
  private static func checkpoint(_ tensors: [LazyTensor]) -> Checkpoint {
    Checkpoint(
      path: "memory", container: .memory, tensors: tensors,
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
  }

  private static func mask(_ pruning: Pruning, _ tensor: LazyTensor) throws -> [UInt8] {
    let checkpoint = checkpoint([tensor])
    #expect(pruning.errors(for: checkpoint).isEmpty)
    let outcome = try pruning.outcome(
      for: checkpoint, recordsDecisions: false, engine: .test(workers: 2))
    return try pruning.masks(of: checkpoint, outcome).tensors[0].bytes()
  }

  /// A tensor whose rows lie apart, and the same values with rows next to each other.
  struct Example: Sendable, CustomTestStringConvertible {
    var name: String
    var dimensions: [Int]
    var matrixName: String
    var matrix: [Int]
    /// The place in `matrix` of each element.
    var place: @Sendable (Int) -> Int

    var testDescription: String { "\(name) \(dimensions)" }
  }

  /// `[…, in, out]` as `[…, out, in]`.
  private static func transposed(_ name: String, _ dimensions: [Int], as other: String) -> Example {
    let (inputs, outputs) = (dimensions[dimensions.count - 2], dimensions[dimensions.count - 1])
    return Example(
      name: name, dimensions: dimensions, matrixName: other,
      matrix: dimensions.dropLast(2) + [outputs, inputs],
      place: { element in
        let (block, rest) = element.quotientAndRemainder(dividingBy: inputs * outputs)
        return block * inputs * outputs + rest % outputs * inputs + rest / outputs
      })
  }

  static let examples: [Example] = [
    transposed("h.0.attn.c_attn.weight", [96, 288], as: "layers.0.weight"),
    transposed("h.0.attn.c_attn.weight", [520, 1560], as: "layers.0.weight"),
    Example(
      name: "conv.weight", dimensions: [40, 6, 3, 5], matrixName: "layers.0.weight",
      matrix: [40, 90], place: { $0 }),
    Example(
      name: "conv.weight", dimensions: [500, 90, 3, 3], matrixName: "layers.0.weight",
      matrix: [500, 810], place: { $0 }),
    Example(
      name: "model.layers.0.mlp.experts.gate_up_proj", dimensions: [3, 40, 64],
      matrixName: "layers.0.weight", matrix: [120, 64], place: { $0 }),
  ]

  private static func pair(_ example: Example) throws -> (LazyTensor, LazyTensor) {
    let tensor = try LazyTensor.random(example.name, example.dimensions, seed: 3)
    let values = try tensor.bytes().floats
    var moved = values
    for (element, value) in values.enumerated() { moved[example.place(element)] = value }
    return (tensor, try .floats(example.matrixName, example.matrix, moved))
  }

  private static func expectSame(
    _ pruning: Pruning, _ example: Example, other: Pruning? = nil
  ) throws {
    let (tensor, matrix) = try pair(example)
    let found = try mask(pruning, tensor)
    let wanted = try mask(other ?? pruning, matrix)
    #expect(found.indices.allSatisfy { found[$0] == wanted[example.place($0)] })
    #expect(found.contains(0) && found.contains(1))
  }

  @Test("neurons and patterns follow the inputs of a tensor", arguments: examples)
  func inputs(example: Example) throws {
    try Self.expectSame(
      Pruning(
        score: MagnitudeScore(),
        selecting: .amount(.exactly(0.37), scope: .neuron, iterations: 2)), example)
    for text in ["2:4", "3:7"] {
      try Self.expectSame(
        Pruning(
          score: MagnitudeScore(), selecting: .pattern(try #require(Pattern(text)))), example)
    }
  }

  private static func norms(_ name: String, _ count: Int) throws -> LazyTensor {
    let values = try LazyTensor.random(name, [count], seed: 8).bytes().floats
    return try .floats(name, [count], values.map(\.magnitude))
  }

  @Test("wanda needs a norm for each input, and finds it", arguments: examples)
  func norms(example: Example) throws {
    let inputs = example.matrix[1...].reduce(1, *)
    func pruning(_ name: String) throws -> Pruning {
      Pruning(
        score: WandaScore(
          norms: Self.checkpoint([try Self.norms(name, inputs)])),
        selecting: .amount(.exactly(0.5), scope: .layer, iterations: 1))
    }
    try Self.expectSame(
      pruning(example.name), example, other: pruning(example.matrixName))
    let wrong = Pruning(
      score: WandaScore(
        norms: Self.checkpoint([try Self.norms(example.name, inputs + 1)])),
      selecting: .amount(.exactly(0.5), scope: .layer, iterations: 1))
    #expect(wrong.errors(for: Self.checkpoint([try Self.pair(example).0])).count == 1)
  }

  @Test("a convolution accepts a norm for each input channel")
  func channels() throws {
    let channels: [Float] = [1, 20, 0.1]
    let kernel = try LazyTensor.random("conv.weight", [7, 3, 2, 2], seed: 1)
    func mask(_ norms: [Float]) throws -> [UInt8] {
      try Self.mask(
        Pruning(
          score: WandaScore(
            norms: Self.checkpoint([try .floats("conv.weight", [norms.count], norms)])),
          selecting: .amount(.exactly(0.5), scope: .layer, iterations: 1)), kernel)
    }
    #expect(try mask(channels) == mask(channels.flatMap { [$0, $0, $0, $0] }))
  }

  @Test("general options leave out norms, biases and parts of stored quantizations, and say so")
  func scope() throws {
    let checkpoint = Self.checkpoint([
      try .random("layers.0.weight", [10, 9], seed: 0),
      try .random("layers.0.norm.weight", [6], seed: 0),
      try .random("layers.0.bias", [4], seed: 0),
      try .random("layers.0.weight_scale_inv", [10, 1], seed: 0),
    ])
    let pruning = Pruning(
      score: MagnitudeScore(), selecting: .amount(.exactly(0.5), scope: .global, iterations: 1))
    #expect(pruning.tensorIndices(in: checkpoint) == [0])
    let scope = pruning.outOfScope(checkpoint)
    #expect(scope.valueCount == 20 && scope.total == 110)
    #expect(
      scope.summary == """
        18.18 % of the values (parts of stored quantizations 9.09 %, norms 5.45 %, biases 3.64 %)
        """)
  }
}

extension RowTests {
  @Test("an alias and its tensor are in scope together, or the selection is refused")
  func aliases() throws {
    let owner = try LazyTensor.random("model.embed_tokens.weight", [10, 9], seed: 0)
    var alias = try LazyTensor.random("lm_head.weight", [10, 9], seed: 0)
    alias.aliasOf = owner.name
    let checkpoint = Checkpoint(
      path: "memory", container: .memory, tensors: [owner, alias],
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
    func errors(_ excluded: String) -> Int {
      Pruning(
        score: MagnitudeScore(), selecting: .amount(.exactly(0.5), scope: .global, iterations: 1),
        selection: Selection(rules: [.exclude(Glob(excluded))])
      ).errors(for: checkpoint).count
    }
    #expect(errors("lm_head*") == 1)
    #expect(errors("model.embed*") >= 1)
  }
}
