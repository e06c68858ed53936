import Base
import Checkpoints
import Containers
import Pruning
import Surveys
import TensorCore
import TestSupport
import Testing

/// A case of `Fixtures/prune/golden.json`: the results of the official code in three iterations.
struct GoldenCase: Sendable, CustomTestStringConvertible {
  let name: String
  let model: String
  let scope: Pruning.Scope
  let amount: Amount
  let iterations: [JSONObject]

  var testDescription: String { name }

  /// True if the official code defines neurons differently: for convolutions it computes a quantile over input
  /// channels for each position of the kernel, but sumac computes it over the filter.
  var hasOtherNeurons: Bool { model == "cnn" && scope == .neuron && name.contains("/os-") }

  static let all: [GoldenCase] = {
    // An unreadable file results in no cases, which a test below detects.
    guard let bytes = try? Fixtures.bytes("prune/golden.json"),
      let cases = try? JSONValue.parse(bytes.span)["cases"]?.asArray
    else { return [] }
    return cases.compactMap(GoldenCase.init)
  }()

  /// Creates a case; nil if the official code fails because p = q.
  private init?(_ value: JSONValue) {
    guard value["error"] == nil, let name = value["case"]?.asString,
      let model = value["model"]?.asString,
      let scope = value["scope"]?.asString.flatMap(Pruning.Scope.init(rawValue:)),
      let iterations = value["iterations"]?.asArray
    else { return nil }
    self.name = name
    self.model = model
    self.scope = scope
    self.iterations = iterations.compactMap(\.asObject)
    if let ratio = value["ratio"]?.asDouble {
      amount = .quantile(ratio, wideRanks: scope == .neuron)
    } else {
      let numbers = ["p", "q", "eta", "gamma"].compactMap { value[$0]?.asDouble }
      guard numbers.count == 4, let exponents = PQIndex(p: numbers[0], q: numbers[1]) else {
        return nil
      }
      amount = .adaptive(SAP(exponents: exponents, eta: numbers[2], gamma: numbers[3]))
    }
  }
}

/// Compares masks, decisions and pruned weights with the code of the paper's authors.
@Suite struct GoldenTests {
  private static let golden = Result {
    try Containers.read(Fixtures.path("prune/golden.safetensors"))
  }

  private static func mask(_ name: String) throws -> LazyTensor {
    try #require(try golden.get().tensors.first { $0.name == name }, "\(name)")
  }

  private static func pruning(_ golden: GoldenCase, iterations: Int, from: InitialMask) -> Pruning {
    Pruning(
      score: MagnitudeScore(),
      selecting: .amount(golden.amount, scope: golden.scope, iterations: iterations),
      initialMask: from)
  }

  @Test("the fixture contains cases of every kind")
  func count() {
    #expect(GoldenCase.all.count == 90)
    #expect(GoldenCase.all.count { $0.hasOtherNeurons } == 2)
    #expect(GoldenCase.all.allSatisfy { $0.iterations.count == 3 })
    #expect(GoldenCase.all.contains { $0.iterations.contains { $0["groups"] != nil } })
  }

  @Test(
    "decisions, masks and weights of each iteration match the official code",
    arguments: GoldenCase.all.filter { !$0.hasOtherNeurons })
  func iterations(golden: GoldenCase) throws {
    let checkpoint = try Containers.read(
      Fixtures.path("prune/\(golden.model).ckpt.safetensors"))
    for (iteration, expected) in golden.iterations.enumerated() {
      var initial = InitialMask.nothing
      if iteration > 0 {
        var masks: [UTF8Key: LazyTensor] = [:]
        for tensor in checkpoint.tensors
        where tensor.info.shape.dimensions.count > 1 && tensor.name.hasSuffix("weight") {
          masks[UTF8Key(tensor.name)] = try Self.mask(
            "\(golden.name)/it\(iteration)/\(tensor.name)")
        }
        initial = .masks(masks)
      }
      let pruning = Self.pruning(golden, iterations: 1, from: initial)
      #expect(pruning.errors(for: checkpoint).isEmpty)
      let outcome = try pruning.outcome(
        for: checkpoint, recordsDecisions: true, engine: .test())
      let pruned = pruning.applied(to: checkpoint, outcome)
      for mask in try pruning.masks(of: checkpoint, outcome).tensors {
        let wanted = try Self.mask("\(golden.name)/it\(iteration + 1)/\(mask.name)")
        #expect(try mask.bytes() == wanted.bytes(), "iteration \(iteration + 1) of \(mask.name)")
        let values = try #require(pruned.tensors.first { $0.name == mask.name }).bytes()
        let digest = expected["pruned_sha256"]?[mask.name]?.asString
        #expect(Digest.sha256(values) == digest, "iteration \(iteration + 1) of \(mask.name)")
      }
      if let groups = expected["groups"] { expect(outcome, decides: groups, golden) }
    }
  }

  private func expect(_ outcome: PruningOutcome, decides groups: JSONValue, _ golden: GoldenCase) {
    func numbers(_ group: JSONValue?, _ key: String) -> [Double] {
      let value = group?[key]
      return value?.asArray?.compactMap(\.asDouble) ?? value?.asDouble.map { [$0] } ?? []
    }
    func check(_ decisions: [SAP.Decision], _ group: JSONValue?, _ what: String) {
      #expect(decisions.map { Double($0.count) } == numbers(group, "d"), "\(what)")
      #expect(decisions.map { Double($0.bound) } == numbers(group, "m"), "\(what)")
      #expect(decisions.map { Double($0.dropCount) } == numbers(group, "num_prune"), "\(what)")
      for (decision, index) in zip(decisions, numbers(group, "si")) {
        #expect(abs(decision.index - index) <= 2e-5, "\(what)")
      }
    }
    if golden.scope == .global {
      let group = groups["global"] ?? (groups["d"] == nil ? nil : groups)
      check(outcome.decisions, group ?? groups.asObject?.first?.value, "global")
    } else {
      for (name, tensor) in zip(outcome.names, outcome.tensors) {
        check(tensor.decisions.map { $0[0] }, groups[name], name)
      }
    }
  }

  @Test(
    "three iterations in one run match three separate runs",
    arguments: GoldenCase.all.filter { !$0.hasOtherNeurons })
  func chained(golden: GoldenCase) throws {
    let checkpoint = try Containers.read(
      Fixtures.path("prune/\(golden.model).ckpt.safetensors"))
    let pruning = Self.pruning(golden, iterations: 3, from: .nothing)
    let outcome = try pruning.outcome(for: checkpoint, recordsDecisions: false, engine: .test())
    for mask in try pruning.masks(of: checkpoint, outcome).tensors {
      let wanted = try Self.mask("\(golden.name)/it3/\(mask.name)")
      #expect(try mask.bytes() == wanted.bytes(), "\(mask.name)")
    }
  }
}
