import Base
import Caches
import Checkpoints
import Containers
import Evaluation
import Models
import Networks
import TensorCore
import TestSupport
import Testing

/// Caches that models compute, and texts that go on after caches.
@Suite(.needsOpenBLAS) struct CacheEvaluationTests {
  static let decoders = ["gemma2", "gemma3", "gpt2", "mixtral", "phi3", "qwen2-tied"]

  private func cache(
    _ tokens: [Int32], _ model: EvaluatedModel, _ compute: Compute, context: Int? = nil,
    memory: Int = 1 << 30
  ) throws -> KVCache {
    let computed = ComputedCache(of: model, tokenCount: tokens.count)
    let sequence = CachedSequence(tokens: tokens, context: context)
    try SequenceEvaluator(sequence, EvaluationResources(compute, memory: memory, folder: "/tmp"))
      .fill(computed, of: model)
    let origin = Checkpoint(
      path: "computed", container: .memory, tensors: [],
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
    return try computed.cache(tokenIDs: tokens, origin: origin)
  }

  private func prompt() throws -> KVCache {
    try CacheLayouts.read([Fixtures.path("caches/prompt.safetensors")], CacheHints())
  }

  private func tensors(_ cache: KVCache) throws -> [[UInt8]] {
    try cache.layers.flatMap { [try $0.key.bytes(), try $0.value.bytes()] }
  }

  private func model(_ folder: String, _ compute: Compute) throws -> EvaluatedModel {
    let checkpoint = try Containers.read(Fixtures.path(folder))
    let file = try #require(try ModelConfigurationFile.file(of: checkpoint))
    return try EvaluatedModel(checkpoint, file.configuration(), compute)
  }

  /// Returns the log probabilities of all tokens after `start`, by a pass over the whole text without a cache.
  private func plain(
    _ tokens: [Int32], after start: Int, _ model: EvaluatedModel, _ compute: Compute
  ) throws -> [Double] {
    let windows = try TokenWindows(rows: tokens, length: tokens.count)
    let scores = try Evaluator(
      windows, EvaluationResources(compute, memory: 1 << 30, folder: "/tmp")
    )
    .scores(of: model)
    return scores.dropFirst(start).map(\.logProbability)
  }

  /// Returns the tokens 0, 1, … in an order without a pattern.
  private func mixed(_ count: Int, below limit: Int) -> [Int32] {
    (0..<count).map { Int32(($0 * 7919 + $0 * $0 * 31 + 5) % limit) }
  }

  // MARK: Making

  @Test("a cache has the keys and values of transformers", arguments: [1, 2])
  func golden(jobs: Int) throws {
    let compute = try OpenBLAS.compute(jobs: jobs)
    let expected = try prompt()
    let found = try cache(
      try #require(expected.tokenIDs), EvaluatedFixture.model(compute), compute)
    #expect(found.layers.count == 4 && found.dimensions == [1, 2, 128, 32])
    for (one, other) in zip(try tensors(found), try tensors(expected)) {
      let (x, y) = (one.floats, other.floats)
      let largest = y.map(abs).max() ?? 0
      #expect(zip(x, y).allSatisfy { abs($0 - $1) <= 2e-5 * largest } && x.count == y.count)
    }
  }

  @Test("the bytes of a cache do not depend on threads and memory")
  func sameBytes() throws {
    let tokens = try EvaluatedFixture.tokens("heldout_prose", 1100)
    var seen: [[[UInt8]]] = []
    for (jobs, memory) in [(1, 1 << 30), (2, 1 << 30), (3, 0)] {
      let compute = try OpenBLAS.compute(jobs: jobs)
      seen.append(
        try tensors(cache(tokens, EvaluatedFixture.model(compute), compute, memory: memory)))
    }
    #expect(seen[0] == seen[1] && seen[1] == seen[2])
  }

  @Test("the first tokens of a longer cache are those of a shorter one")
  func prefix() throws {
    let compute = try OpenBLAS.compute(jobs: 2)
    let model = try EvaluatedFixture.model(compute)
    let tokens = try EvaluatedFixture.tokens("heldout_prose", 700)
    let (short, long) = (
      try cache(Array(tokens.prefix(512)), model, compute), try cache(tokens, model, compute)
    )
    let (few, all) = (
      try short.layers[3].value.bytes().floats, try long.layers[3].value.bytes().floats
    )
    // The first head of each.
    #expect(few.prefix(512 * 32) == all.prefix(512 * 32))
  }

  @Test("a context changes the keys of a model whose frequencies depend on the length")
  func context() throws {
    let compute = try OpenBLAS.compute(jobs: 2)
    let model = try model("models/clex", compute)
    let tokens = try EvaluatedFixture.tokens("heldout_prose", 40)
    let (short, same, long) = (
      try cache(tokens, model, compute), try cache(tokens, model, compute, context: 256),
      try cache(tokens, model, compute, context: 640)
    )
    #expect(try short.layers[0].key.bytes() == same.layers[0].key.bytes())
    #expect(try short.layers[0].key.bytes() != long.layers[0].key.bytes())
    #expect(try short.layers[0].value.bytes() == long.layers[0].value.bytes())
  }

  // MARK: Judging

  @Test(
    "a text after its own cache is scored as in a pass over all of it", arguments: [0, 1 << 30])
  func plainPass(memory: Int) throws {
    let compute = try OpenBLAS.compute(jobs: 2)
    let model = try EvaluatedFixture.model(compute)
    let tokens = try EvaluatedFixture.tokens("heldout_tech", 1000)
    let stored = try cache(Array(tokens.prefix(300)), model, compute)
    let sequence = CachedSequence(tokens: tokens, cachedCount: 300)
    let found = try SequenceEvaluator(
      sequence, EvaluationResources(compute, memory: memory, folder: "/tmp")
    )
    .comparison(of: stored, against: stored, model)
    let expected = try plain(tokens, after: 300, model, compute)
    #expect(found.count == 699 && expected.count == 699)
    for (token, log) in zip(found, expected) {
      #expect(abs(token.base.logProbability - log) < 1e-4)
      #expect(token.base == token.other && token.divergence < 1e-9)
    }
  }

  @Test(
    "caches replace tokens in every family, also beyond sliding windows",
    arguments: CacheEvaluationTests.decoders)
  func families(name: String) throws {
    let compute = try OpenBLAS.compute(jobs: 2)
    let model = try model("networks/families/" + name, compute)
    let tokens = mixed(48, below: model.vocabularySize)
    let stored = try cache(Array(tokens.prefix(31)), model, compute)
    #expect(model.faults(in: stored).isEmpty)
    let sequence = CachedSequence(tokens: tokens, cachedCount: 31)
    let found = try SequenceEvaluator(
      sequence, EvaluationResources(compute, memory: 1 << 30, folder: "/tmp")
    )
    .comparison(of: stored, against: stored, model)
    let expected = try plain(tokens, after: 31, model, compute)
    #expect(found.count == 16)
    for (token, log) in zip(found, expected) {
      #expect(abs(token.base.logProbability - log) < 2e-4)
    }
  }

  @Test("the exact cache of transformers gives the perplexity that transformers has")
  func perplexity() throws {
    let compute = try OpenBLAS.compute()
    let model = try EvaluatedFixture.model(compute)
    let original = try prompt()
    let more = try EvaluatedFixture.tokens("heldout_tech", 21_504 + 255).dropFirst(21_504)
    let tokens = [0] + Array(more)
    #expect(original.tokenIDs == Array(tokens.prefix(128)))
    let sequence = CachedSequence(tokens: tokens, cachedCount: 128)
    let found = try SequenceEvaluator(
      sequence, EvaluationResources(compute, memory: 1 << 30, folder: "/tmp")
    )
    .comparison(of: original, against: original, model)
    let statistics = ComparisonStatistics(found)
    #expect(statistics.base.tokenCount == 127)
    #expect(abs(statistics.base.perplexity.figure - 34.5338) < 2e-3)
  }

  @Test("a changed cache changes the predictions, and the caches keep their places")
  func changed() throws {
    let compute = try OpenBLAS.compute()
    let model = try EvaluatedFixture.model(compute)
    let tokens = try EvaluatedFixture.tokens("heldout_tech", 256)
    let stored = try cache(Array(tokens.prefix(128)), model, compute)
    let rounded = try stored.cast(to: .bf16)
    let sequence = CachedSequence(tokens: tokens, cachedCount: 128)
    let evaluator = SequenceEvaluator(
      sequence, EvaluationResources(compute, memory: 1 << 30, folder: "/tmp"))
    let found = try evaluator.comparison(of: rounded, against: stored, model)
    let turned = try evaluator.comparison(of: stored, against: rounded, model)
    #expect(found.map(\.base) == turned.map(\.other) && found.map(\.other) == turned.map(\.base))
    let mean = ComparisonStatistics(found).divergence.figure
    #expect(mean > 1e-7 && mean < 1e-4)
  }

  // MARK: Faults

  @Test("NaN in a cache is an error that names the cache and the value")
  func notFinite() throws {
    let compute = try OpenBLAS.compute()
    let model = try EvaluatedFixture.model(compute)
    let tokens = try EvaluatedFixture.tokens("heldout_tech", 20)
    let stored = try cache(Array(tokens.prefix(8)), model, compute)
    let damaged = try stored.mapped { tensor in
      guard tensor.name == "layers.2.value" else { return tensor }
      var bytes = try tensor.bytes()
      bytes.replaceSubrange(40..<44, with: [0, 0, 0xC0, 0x7F])
      return LazyTensor(
        info: tensor.info, source: MemoryTensorSource(info: tensor.info, values: bytes),
        stored: tensor.stored)
    }
    let error = #expect(throws: FormatError.self) {
      try SequenceEvaluator(
        CachedSequence(tokens: tokens, cachedCount: 8),
        EvaluationResources(compute, memory: 1 << 30, folder: "/tmp")
      ).comparison(of: damaged, against: stored, model)
    }
    #expect(error?.code == .nonfiniteCache && error?.tensor == "layers.2.value")
  }

  @Test("a cache of another model is refused, with all that differs")
  func otherModel() throws {
    let compute = try OpenBLAS.compute()
    let model = try model("networks/families/gemma2", compute)
    let faults = model.faults(in: try prompt()).map { "\($0)" }
    #expect(faults.count == 2)
    #expect(faults.first?.contains("has 4 layers, but") == true)
    #expect(faults.last?.contains("has 2 kv heads of 32, but") == true)
  }

  @Test("positions with gaps are refused")
  func gaps() throws {
    let compute = try OpenBLAS.compute()
    var stored = try prompt()
    stored.positions = Array(0..<127) + [200]
    let faults = try EvaluatedFixture.model(compute).faults(in: stored)
    #expect(faults.count == 1 && "\(faults[0])".contains("positions with gaps"))
  }
}
