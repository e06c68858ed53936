import Base
import Checkpoints
import Containers
import Models
import Networks
import TestSupport
import Testing

/// A small model, or the first block of one, with random weights, and what transformers computes with it in float64.
struct GoldenFamily: Sendable, CustomTestStringConvertible {
  let name: String
  var testDescription: String { name }
  var folder: String { "networks/families/" + name }

  static let all = Fixtures.names(in: "networks/families").map(GoldenFamily.init)

  func checkpoint() throws -> Checkpoint { try Containers.read(Fixtures.path(folder)) }
}

/// Returns the network of a checkpoint.
func network<S: NetworkScalar>(
  _ checkpoint: Checkpoint, _: S.Type, _ compute: Compute
) throws -> Network<S> {
  let file = try #require(try ModelConfigurationFile.file(of: checkpoint))
  return try Network<S>.network(of: checkpoint, file.configuration(), compute)
}

@Suite(.needsOpenBLAS) struct FamilyTests {
  @Test("there are golden data for six families") func count() {
    #expect(GoldenFamily.all.count >= 6)
  }

  /// Returns the logits of the last tokens and the hidden states after each block.
  private func run<S: NetworkScalar>(
    _ family: GoldenFamily, _: S.Type, jobs: Int = 1, _ counting: Bool = false
  ) throws -> (logits: [S], hidden: [S], peak: Int) {
    let file = try GoldenTensors(family.folder + "/expected.safetensors")
    let ids = try file.integers("ids")
    let compute = counting ? Compute.counting(jobs: jobs) : try OpenBLAS.compute(jobs: jobs)
    let network = try network(family.checkpoint(), S.self, compute)
    let positions = try Positions(network, Windows(length: ids.count), compute)
    let run = Run(network, Tape(compute), positions)
    let shape = try file.shape("hidden")
    let tail = file.has("logits") ? try file.shape("logits")[0] : 0
    var hidden = try network.embed(.tokens(ids), run)
    var states: [S] = []
    for index in 0..<network.layerCount {
      hidden = try network.block(index, hidden, run)
      if !counting { states += hidden.numbers.suffix(shape[1] * shape[2]) }
    }
    let logits = try network.head(hidden, run)
    return (
      counting ? [] : logits.numbers.suffix(tail * logits.columns), states,
      compute.arena.peakByteCount
    )
  }

  @Test("hidden states and logits equal those of transformers", arguments: GoldenFamily.all)
  func golden(family: GoldenFamily) throws {
    let file = try GoldenTensors(family.folder + "/expected.safetensors")
    let hidden = try file.numbers("hidden")
    // Models of which the fixture has the first block alone have no logits.
    let logits = file.has("logits") ? try file.numbers("logits") : []
    let exact = try run(family, Double.self)
    #expect(distance(exact.hidden, hidden) <= 1e-11)
    #expect(distance(exact.logits, logits) <= 1e-11)
    let result = try run(family, Float.self)
    #expect(distance(result.hidden, hidden) <= 1e-5)
    #expect(distance(result.logits, logits) <= 1e-5)
  }

  @Test("results do not depend on the number of workers", arguments: GoldenFamily.all)
  func workers(family: GoldenFamily) throws {
    let (alone, shared) = (
      try run(family, Float.self), try run(family, Float.self, jobs: 3)
    )
    #expect(alone.logits.map(\.bitPattern) == shared.logits.map(\.bitPattern))
    #expect(alone.hidden.map(\.bitPattern) == shared.hidden.map(\.bitPattern))
  }

  @Test("a counting run predicts the memory of a run", arguments: GoldenFamily.all)
  func memory(family: GoldenFamily) throws {
    let (measured, counted) = (
      try run(family, Float.self).peak, try run(family, Float.self, true).peak
    )
    #expect(counted >= measured && counted <= 2 * measured, "\(counted), measured \(measured)")
  }
}
