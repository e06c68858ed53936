import Base
import Checkpoints
import Pruning
import Surveys
import TensorCore
import TestSupport
import Testing

/// Compares every method with a simple computation of the kept weights, on tensors of one and of several
/// chunks.
@Suite struct MethodTests {
  private static func checkpoint() throws -> Checkpoint {
    // Multiples of 1/256, so that many scores are equal.
    var random = SeededGenerator(seed: 5)
    func values(_ count: Int) -> [Float] {
      (0..<count).map { _ in
        let x = Float.random(in: -1...1, using: &random)
        return (x * x * x * 256).rounded() / 256
      }
    }
    return Checkpoint(
      path: "memory", container: .memory,
      tensors: [
        try .floats("a.weight", [270, 1001], values(270_270)),
        try .floats("b.weight", [5, 7, 3, 3], values(315)),
        try .floats("c.bias", [3], [1, 2, 3]),
        try .floats("d.weight", [1, 270_001], values(270_001)),
      ], identity: InputIdentity(hash: "00", byteCount: 0), files: [])
  }

  private static func masks(_ pruning: Pruning, _ checkpoint: Checkpoint) throws -> [[UInt8]] {
    let outcome = try pruning.outcome(for: checkpoint, recordsDecisions: false, engine: .test())
    let pruned = pruning.applied(to: checkpoint, outcome)
    let masks = try pruning.masks(of: checkpoint, outcome).tensors
    for mask in masks {
      let before = try checkpoint.tensors.first { $0.name == mask.name }!.bytes().floats
      let after = try pruned.tensors.first { $0.name == mask.name }!.bytes().floats
      let expected = zip(before, try mask.bytes()).map { $1 == 1 ? $0 : 0 }
      #expect(after.map(\.bitPattern) == expected.map(\.bitPattern))
    }
    let bias = try pruned.tensors[2].bytes()
    #expect(try bias == checkpoint.tensors[2].bytes())
    return try masks.map { try $0.bytes() }
  }

  /// Returns the mask after dropping the given number of the lowest scores; among equal scores, the last ones.
  private static func dropping(_ count: Int, of scores: [Float]) -> [UInt8] {
    // Score and index are combined into one integer, because integers sort fast.
    let keys = scores.indices.map { index in
      UInt64(scores[index].bitPattern) << 32 | UInt64(UInt32.max - UInt32(index))
    }.sorted()
    var kept = [UInt8](repeating: 1, count: scores.count)
    for key in keys.prefix(count) {
      kept[Int(UInt32.max - UInt32(truncatingIfNeeded: key))] = 0
    }
    return kept
  }

  private static func weights(_ checkpoint: Checkpoint) throws -> [[Float]] {
    try [0, 1, 3].map { try checkpoint.tensors[$0].bytes().floats.map(\.magnitude) }
  }

  @Test(
    "the lowest scores are dropped; among equal scores, the last ones",
    arguments: Pruning.Scope.allCases, [0, 0.77, 1])
  func exact(scope: Pruning.Scope, share: Double) throws {
    let checkpoint = try Self.checkpoint()
    let found = try Self.masks(
      Pruning(
        score: MagnitudeScore(),
        selecting: .amount(.exactly(share), scope: scope, iterations: 1)), checkpoint)
    let weights = try Self.weights(checkpoint)
    func drop(_ scores: [Float]) -> [UInt8] {
      Self.dropping(Int((share * Double(scores.count)).rounded(.down)), of: scores)
    }
    switch scope {
    case .global: #expect(found.flatMap(\.self) == drop(weights.flatMap(\.self)))
    case .layer: #expect(found == weights.map(drop))
    case .neuron:
      for (mask, (scores, rows)) in zip(found, zip(weights, [270, 5, 1])) {
        let length = scores.count / rows
        let expected = (0..<rows).flatMap { drop(Array(scores[$0 * length..<($0 + 1) * length])) }
        #expect(mask == expected)
      }
    }
  }

  @Test(
    "N:M keeps the largest scores of each group in a row; among equal scores, the first ones",
    arguments: ["2:4", "1:4", "3:7", "4:16"])
  func patterns(text: String) throws {
    let pattern = try #require(Pattern(text))
    let checkpoint = try Self.checkpoint()
    let found = try Self.masks(
      Pruning(score: MagnitudeScore(), selecting: .pattern(pattern)), checkpoint)
    for (mask, (scores, columns)) in zip(
      found, zip(try Self.weights(checkpoint), [1001, 63, 270_001]))
    {
      var expected: [UInt8] = []
      for row in stride(from: 0, to: scores.count, by: columns) {
        for start in stride(from: row, to: row + columns, by: pattern.group) {
          let group = Array(scores[start..<min(start + pattern.group, row + columns)])
          expected += Self.dropping(max(0, group.count - pattern.kept), of: group)
        }
      }
      #expect(mask == expected)
    }
  }

  @Test("random scores depend on the seed, but not on the number of workers")
  func random() throws {
    let checkpoint = try Self.checkpoint()
    func masks(_ seed: UInt64, _ workers: Int) throws -> [UInt8] {
      let pruning = Pruning(
        score: RandomScore(seed: seed),
        selecting: .amount(.exactly(0.25), scope: .global, iterations: 1))
      let outcome = try pruning.outcome(
        for: checkpoint, recordsDecisions: false, engine: .test(workers: workers))
      return try pruning.masks(of: checkpoint, outcome).tensors.flatMap { try $0.bytes() }
    }
    let first = try masks(1, 1)
    #expect(first.count { $0 == 0 } == first.count / 4)
    #expect(try masks(1, 3) == first)
    #expect(try masks(2, 2) != first)
  }

  @Test("a Wanda score is the weight times the norm of its input")
  func wanda() throws {
    var checkpoint = try Self.checkpoint()
    checkpoint.tensors.removeLast()
    var norms = checkpoint
    var random = SeededGenerator(seed: 9)
    func norm(_ count: Int) -> [Float] {
      (0..<count).map { _ in Float.random(in: 0...2, using: &random) }
    }
    let values = [norm(1001), norm(63)]
    norms.tensors = [
      try .floats("a.weight", [1001], values[0]), try .floats("b.weight", [63], values[1]),
    ]
    let pruning = Pruning(
      score: WandaScore(norms: norms),
      selecting: .amount(.exactly(0.5), scope: .neuron, iterations: 1))
    #expect(pruning.errors(for: checkpoint).isEmpty)
    let found = try Self.masks(pruning, checkpoint)
    for (index, mask) in found.enumerated() {
      let scores = try checkpoint.tensors[index].bytes().floats
      let count = values[index].count
      let expected = stride(from: 0, to: scores.count, by: count).flatMap { start in
        Self.dropping(
          count / 2, of: (0..<count).map { abs(scores[start + $0] * values[index][$0]) })
      }
      #expect(mask == expected)
    }
    norms.tensors[0].info = try TensorInfo(name: "a.weight", dtype: .f32, shape: Shape([1000]))
    norms.tensors.removeLast()
    #expect(
      Pruning(
        score: WandaScore(norms: norms), selecting: pruning.selecting
      ).errors(for: checkpoint).count == 2)
  }

  @Test("a negative norm is an error that names it")
  func negativeNorm() throws {
    var checkpoint = try Self.checkpoint()
    checkpoint.tensors = [try .floats("w", [2, 3], [1, 2, 3, 4, 5, 6])]
    var norms = checkpoint
    norms.tensors = [try .floats("w", [3], [0, -0.0, -0.5])]
    let pruning = Pruning(
      score: WandaScore(norms: norms),
      selecting: .amount(.exactly(0.5), scope: .neuron, iterations: 1))
    let error = try #require(throws: FormatError.self) {
      try pruning.outcome(for: checkpoint, recordsDecisions: false, engine: .test())
    }
    #expect(error.code == .negativeNorm && error.tensor == "w")
    #expect(error.reason.description == "norm 2 is -0.5, expected 0 or more")
  }

  @Test("a note names masks whose tensors are out of scope")
  func unusedMasks() throws {
    let checkpoint = try Self.checkpoint()
    var masks = checkpoint
    masks.tensors = checkpoint.tensors
    func pruning(_ rules: [Selection.Rule]) -> Pruning {
      Pruning(
        score: MagnitudeScore(),
        selecting: .amount(.exactly(0.5), scope: .layer, iterations: 1),
        selection: Selection(rules: rules), initialMask: .masks(of: masks))
    }
    #expect(
      pruning([.exclude(Glob("a.*"))]).notes(for: checkpoint) == [
        "masks of tensors that are out of scope are not used: 'a.weight', 'c.bias'"
      ])
    masks.tensors.removeAll { $0.name == "c.bias" }
    #expect(pruning([]).notes(for: checkpoint).isEmpty)
  }

  @Test("zeros of both signs count as pruned before, if requested")
  func zeros() throws {
    let values: [Float] = [0, -0.0, 1, 2, 3, 4]
    var checkpoint = try Self.checkpoint()
    checkpoint.tensors = [try .floats("w.weight", [2, 3], values)]
    let pruning = Pruning(
      score: MagnitudeScore(),
      selecting: .amount(.exactly(0.5), scope: .layer, iterations: 1), initialMask: .zeros)
    let outcome = try pruning.outcome(for: checkpoint, recordsDecisions: false, engine: .test())
    let mask = try pruning.masks(of: checkpoint, outcome).tensors[0].bytes()
    #expect(mask == [0, 0, 0, 0, 1, 1])
  }

  @Test("rewinding restores kept weights and all other tensors from another checkpoint")
  func rewind() throws {
    let checkpoint = try Self.checkpoint()
    var initial = checkpoint
    initial.tensors[1] = try .floats("b.weight", [5, 7, 3, 3], [Float](repeating: 9, count: 315))
    initial.tensors[2] = try .floats("c.bias", [3], [7, 8, 9])
    let pruning = Pruning(
      score: MagnitudeScore(),
      selecting: .amount(.exactly(0.5), scope: .layer, iterations: 1))
    let outcome = try pruning.outcome(for: checkpoint, recordsDecisions: false, engine: .test())
    let result = pruning.applied(to: checkpoint, outcome, rewindingTo: initial)
    let mask = try pruning.masks(of: checkpoint, outcome).tensors[1].bytes()
    #expect(try result.tensors[1].bytes().floats == mask.map { $0 == 1 ? 9 : 0 })
    #expect(try result.tensors[2].bytes().floats == [7, 8, 9])
    initial.tensors[1] = try .floats("b.weight", [315], [Float](repeating: 9, count: 315))
    #expect(pruning.errors(rewinding: checkpoint, to: initial).count == 1)
  }

  @Test(
    "the error for weights that are not finite names the first of them",
    arguments: Pruning.Scope.allCases)
  func nonfinite(scope: Pruning.Scope) throws {
    var checkpoint = try Self.checkpoint()
    var values = try checkpoint.tensors[0].bytes().floats
    values[270_000] = .nan
    values[12_345] = -.infinity
    checkpoint.tensors[0] = try .floats("a.weight", [270, 1001], values)
    let pruning = Pruning(
      score: MagnitudeScore(),
      selecting: .amount(.adaptive(SAP()), scope: scope, iterations: 1))
    let error = #expect(throws: FormatError.self) {
      try pruning.outcome(for: checkpoint, recordsDecisions: false, engine: .test())
    }
    #expect(error?.tensor == "a.weight")
    #expect(
      error?.reason.description == "weight 12345 is infinite, the first of 2 that are not finite")
  }

  @Test(
    "tensors without values, scalars and tensors of zeros are pruned without an error",
    arguments: Pruning.Scope.allCases)
  func oddShapes(scope: Pruning.Scope) throws {
    var checkpoint = try Self.checkpoint()
    checkpoint.tensors = [
      try .floats("scalar", [], [3]), try .floats("empty", [0, 4], []),
      try .floats("empty2", [4, 0], []), try .floats("wide", [1 << 40, 0], []),
      try .floats("zeros", [3, 3], [Float](repeating: 0, count: 9)),
      try .floats("vector", [3], [1, 2, 3]),
      try .floats("subnormal", [2, 2], [1, 2, 3, 9].map { Float(bitPattern: $0) }),
    ]
    for amount in [
      Amount.adaptive(SAP()), .exactly(0.5), .exactly(1), .quantile(1, wideRanks: true),
    ] {
      let pruning = Pruning(
        score: MagnitudeScore(), selecting: .amount(amount, scope: scope, iterations: 2),
        selection: Selection(rules: [.include(Glob("*"))]))
      #expect(pruning.errors(for: checkpoint).isEmpty)
      #expect(pruning.fixedByteCount(checkpoint) < 64 << 20)
      let outcome = try pruning.outcome(for: checkpoint, recordsDecisions: true, engine: .test())
      let pruned = pruning.applied(to: checkpoint, outcome)
      for mask in try pruning.masks(of: checkpoint, outcome).tensors {
        let kept = try mask.bytes()
        let values = try pruned.tensors.first { $0.name == mask.name }!.bytes().floats
        #expect(zip(kept, values).allSatisfy { $0 == 1 || $1 == 0 })
        if case .exactly(1) = amount { #expect(kept.allSatisfy { $0 == 0 }) }
        if case .adaptive = amount, scope != .global, mask.name == "zeros" {
          #expect(kept.allSatisfy { $0 == 1 })
        }
      }
    }
  }

  @Test("tied tensors are pruned once, for all their names")
  func aliases() throws {
    var checkpoint = try Self.checkpoint()
    var alias = checkpoint.tensors[1]
    alias.info.name = "tied.weight"
    alias.aliasOf = "b.weight"
    checkpoint.tensors.append(alias)
    var pruning = Pruning(
      score: MagnitudeScore(), selecting: .amount(.exactly(0.5), scope: .layer, iterations: 1))
    let outcome = try pruning.outcome(for: checkpoint, recordsDecisions: false, engine: .test())
    #expect(outcome.names == ["a.weight", "b.weight", "d.weight"])
    let result = pruning.applied(to: checkpoint, outcome)
    #expect(try result.tensors[4].bytes() == result.tensors[1].bytes())
    #expect(try result.tensors[4].bytes() != alias.bytes())
    pruning.selection = Selection(rules: [.include(Glob("tied*"))])
    #expect(pruning.errors(for: checkpoint).contains { $0.description.contains("is an alias of") })
  }

  @Test("surveys of shards result in the same threshold as one process")
  func surveys() throws {
    let checkpoint = try Self.checkpoint()
    var shards = [checkpoint, checkpoint]
    shards[0].tensors = [checkpoint.tensors[3], checkpoint.tensors[2]]
    shards[1].tensors = [checkpoint.tensors[1], checkpoint.tensors[0]]
    for amount in [Amount.adaptive(SAP(eta: 0.01)), .quantile(0.4, wideRanks: false)] {
      let pruning = Pruning(
        score: MagnitudeScore(), selecting: .amount(amount, scope: .global, iterations: 2))
      let whole = try pruning.outcome(for: checkpoint, recordsDecisions: false, engine: .test())
      var state = GroupState()
      var rounds = 0
      while !state.isDone(after: 2) {
        let folder = try TemporaryFolder()
        let files = try shards.enumerated().map { number, shard in
          let file = try SurveyFile(
            pruning, shard, state: state, amount: amount, iterations: 2, engine: .test())
          try folder.write(Array(file.json.serialized().utf8), to: "\(number).json")
          let path = folder["\(number).json"]
          // A file that was written is read back unchanged.
          let read = try SurveyFile(path: path)
          #expect(read.json == file.json)
          return (path: path, file: read)
        }
        state = try SurveyFile.state(after: files, amount: amount, iterations: 2)
        rounds += 1
      }
      #expect(rounds == 4)
      let masks = try shards.flatMap { shard in
        let outcome = try pruning.outcome(
          for: shard, state, amount: amount, iterations: 2, engine: .test())
        return try pruning.masks(of: shard, outcome).tensors
      }
      for mask in try pruning.masks(of: checkpoint, whole).tensors {
        let part = try #require(masks.first { $0.name == mask.name })
        #expect(try part.bytes() == mask.bytes())
      }
    }
  }
}
