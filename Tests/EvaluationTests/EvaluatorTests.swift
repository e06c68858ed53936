import Base
import Checkpoints
import Containers
import Evaluation
import Networks
import TestSupport
import Testing

/// Evaluations of the trained model against figures of other programs.
@Suite(.needsOpenBLAS) struct EvaluatorTests {
  private static let golden = Result {
    try Containers.read(Fixtures.path("networks/eval/eval.safetensors"))
  }

  private func bytes(_ name: String) throws -> [UInt8] {
    try #require(Self.golden.get().tensors.first { $0.name == name }).bytes()
  }

  private func windows() throws -> TokenWindows {
    try TokenWindows(rows: bytes("tokens").int32s, length: 256)
  }

  private func evaluator(
    _ windows: TokenWindows, _ compute: Compute, memory: Int = 1 << 30
  ) -> Evaluator {
    Evaluator(windows, EvaluationResources(compute, memory: memory, folder: "/tmp"))
  }

  @Test("log probabilities and top tokens are those of torch in float64")
  func scores() throws {
    let compute = try OpenBLAS.compute(jobs: 2)
    let scores = try evaluator(windows(), compute).scores(of: EvaluatedFixture.model(compute))
    let expected = try bytes("base.log_probability").doubles
    let tops = try bytes("base.top").int32s
    #expect(scores.count == expected.count && scores.count == 1020)
    for (index, score) in scores.enumerated() {
      #expect(abs(score.logProbability - expected[index]) < 1e-4)
      #expect(score.top == tops[index])
    }
  }

  @Test("divergence and its statistics are those of the reference for rounded weights")
  func comparison() throws {
    let compute = try OpenBLAS.compute()
    let base = try EvaluatedFixture.model(compute)
    let rounded = try EvaluatedFixture.model(compute) { name, bits, shape in
      name.hasSuffix("_proj.weight") ? Self.rounded(bits, columns: shape[1], bits: 4) : nil
    }
    let found = try evaluator(windows(), compute).comparison(
      of: rounded, against: base, byLayer: false)
    let (kl, log) = (
      try bytes("rule4.kl").doubles, try bytes("rule4.log_probability").doubles
    )
    let same = try bytes("rule4.same_top")
    for (index, token) in found.tokens.enumerated() {
      #expect(abs(token.divergence - kl[index]) < 3e-5)
      #expect(abs(token.other.logProbability - log[index]) < 1e-4)
      #expect((token.base.top == token.other.top) == (same[index] == 1))
    }
    try check(ComparisonStatistics(found.tokens))
  }

  private func check(_ s: ComparisonStatistics) throws {
    let text = try Fixtures.bytes("networks/eval/eval.json")
    let golden = try #require(try JSONValue.parse(text.rawSpan)["rule4"])
    let figures: [(String, Double)] = [
      ("ppl_base", s.base.perplexity.figure), ("ppl_base_error", s.base.perplexity.error),
      ("ppl", s.other.perplexity.figure), ("ppl_error", s.other.perplexity.error),
      ("ln_ppl_ratio", s.logRatio.figure), ("ln_ppl_ratio_error", s.logRatio.error),
      ("correlation", s.correlation), ("kl_mean", s.divergence.figure),
      ("kl_mean_error", s.divergence.error), ("kl_median", s.divergences.median),
      ("kl_p90", s.divergences.percentile(0.9)), ("kl_p99", s.divergences.percentile(0.99)),
      ("kl_max", s.divergences.maximum), ("same_top", s.sameTop.figure),
      ("same_top_error", s.sameTop.error), ("dp_rms", s.probabilityRMS.figure),
      ("dp_rms_error", s.probabilityRMS.error), ("dp_mean", s.probabilityChange.figure),
      ("dp_p1", s.probabilityChanges.percentile(0.01)),
      ("dp_p99", s.probabilityChanges.percentile(0.99)),
    ]
    for (name, figure) in figures {
      let expected = try #require(golden[name]?.asDouble)
      let scale = name.hasPrefix("ppl") ? expected : 1
      #expect(abs(figure - expected) < 2e-5 * scale, "\(name): \(figure), expected \(expected)")
    }
  }

  /// Rounds rows in groups of 32 to symmetric integers, and the result to BF16.
  private static func rounded(_ weights: [UInt16], columns: Int, bits: Int) -> [UInt16] {
    let limit = Float(1 << (bits - 1) - 1)
    var result = weights
    for row in stride(from: 0, to: weights.count, by: columns) {
      for start in stride(from: row, to: row + columns, by: 32) {
        let group = start..<min(start + 32, row + columns)
        let values = group.map { Float(bitPattern: UInt32(weights[$0]) << 16) }
        let scale = (values.map(abs).max() ?? 0) / limit
        guard scale > 0 else { continue }
        for (index, value) in zip(group, values) {
          let found = (value / scale).rounded(.toNearestOrEven) * scale
          let pattern = found.bitPattern
          result[index] = UInt16(truncatingIfNeeded: (pattern + 0x7FFF + (pattern >> 16 & 1)) >> 16)
        }
      }
    }
    return result
  }

  @Test("results depend on neither workers nor memory")
  func sameBits() throws {
    let tokens = try EvaluatedFixture.tokens("heldout_prose", 1500)
    let windows = try TokenWindows(texts: [tokens], length: 200, stride: 150, start: 0)
    let compute = try OpenBLAS.compute()
    let expected = try evaluator(windows, compute).scores(of: EvaluatedFixture.model(compute))
    for (jobs, memory) in [(2, 1 << 30), (3, 0), (1, 8 << 20)] {
      let compute = try OpenBLAS.compute(jobs: jobs)
      let model = try EvaluatedFixture.model(compute)
      #expect(try evaluator(windows, compute, memory: memory).scores(of: model) == expected)
    }
  }

  @Test(
    "a permuted, transposed, missing or swapped weight is found in its block",
    arguments: ["permuted", "transposed", "zero", "swapped"])
  func faults(fault: String) throws {
    let compute = try OpenBLAS.compute(jobs: 2)
    let base = try EvaluatedFixture.model(compute)
    let prefix = "model.layers.\(fault == "permuted" ? 0 : 1)."
    var weights: [String: [UInt16]] = [:]
    _ = try EvaluatedFixture.model(compute) { name, bits, _ in
      weights[name] = bits
      return nil
    }
    let broken = try EvaluatedFixture.model(compute) { name, bits, shape in
      switch (fault, name) {
      case ("permuted", let name) where name.hasSuffix("q_proj.weight"),
        ("permuted", let name) where name.hasSuffix("k_proj.weight"):
        return Self.interleaved(bits, columns: shape[1], headDim: 32)
      case ("transposed", prefix + "self_attn.o_proj.weight"):
        return (0..<128 * 128).map { bits[$0 % 128 * 128 + $0 / 128] }
      case ("zero", prefix + "mlp.down_proj.weight"): return bits.map { _ in 0 }
      case ("swapped", prefix + "mlp.gate_proj.weight"):
        return weights[prefix + "mlp.up_proj.weight"]
      case ("swapped", prefix + "mlp.up_proj.weight"):
        return weights[prefix + "mlp.gate_proj.weight"]
      default: return nil
      }
    }
    let tokens = try EvaluatedFixture.tokens("heldout_prose", 1024)
    let windows = try TokenWindows(texts: [tokens], length: 256, start: 0)
    let found = try evaluator(windows, compute).comparison(
      of: broken, against: base, byLayer: true)
    #expect(found.layers.count == 4)
    #expect(found.firstBroken?.layer == (fault == "permuted" ? 0 : 1))
    if fault != "permuted" {
      #expect(found.layers[0].relativeDistance == 0 && found.layers[0].worstInput == nil)
    }
  }

  /// Returns rows with the two halves of each head interleaved, as GGUF orders them.
  private static func interleaved(
    _ bits: [UInt16], columns: Int, headDim: Int
  ) -> [UInt16] {
    (0..<bits.count / columns).flatMap { row in
      let (head, place) = (row / headDim, row % headDim)
      let source = head * headDim + place % 2 * (headDim / 2) + place / 2
      return bits[source * columns..<(source + 1) * columns]
    }
  }

  @Test("a weight that is infinite is an error by name")
  func infinite() throws {
    let compute = try OpenBLAS.compute()
    let model = try EvaluatedFixture.model(compute) { name, bits, _ in
      name == "model.layers.2.mlp.up_proj.weight" ? [0x7F80] + bits.dropFirst() : nil
    }
    let windows = try TokenWindows(rows: [0, 1, 2, 3], length: 4)
    let error = #expect(throws: FormatError.self) {
      try evaluator(windows, compute).scores(of: model)
    }
    #expect(error?.tensor == "model.layers.2.mlp.up_proj.weight")
  }

  @Test("hidden states that overflow are an error that names the block")
  func overflow() throws {
    let compute = try OpenBLAS.compute()
    let model = try EvaluatedFixture.model(compute) { name, bits, _ in
      name == "model.layers.1.mlp.down_proj.weight" ? bits.map { _ in 0x7F7F } : nil
    }
    let windows = try TokenWindows(rows: [0, 1, 2, 3], length: 4)
    let error = #expect(throws: FormatError.self) {
      try evaluator(windows, compute).scores(of: model)
    }
    #expect(error?.message.description.contains("block 1") == true)
  }
}
