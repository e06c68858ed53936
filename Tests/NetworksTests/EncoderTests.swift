import Containers
import Networks
import TestSupport
import Testing

/// A text encoder, compared with a program in numpy.
@Suite(.needsOpenBLAS) struct EncoderTests {
  private let file: GoldenTensors

  init() throws { file = try GoldenTensors("networks/bert/expected.safetensors") }

  private func run<S: NetworkScalar>(
    _: S.Type, _ ids: [Int32], lengths: [Int]?, count: Int
  ) throws -> (pooled: [S], hidden: [S]) {
    let compute = try OpenBLAS.compute()
    let network = try network(
      Containers.read(Fixtures.path("networks/bert")), S.self, compute)
    let windows = Windows(sequenceCount: count, length: ids.count / count, lengths: lengths)
    let run = Run(network, Tape(compute), try Positions(network, windows, compute))
    var hidden = try network.embed(.tokens(ids), run)
    var states: [S] = []
    for index in 0..<network.layerCount {
      hidden = try network.block(index, hidden, run)
      states += hidden.numbers
    }
    return (try network.head(hidden, run).numbers, states)
  }

  @Test("hidden states and pooled outputs equal those of numpy, with padding") func golden() throws
  {
    let ids = try file.integers("ids")
    let lengths = try file.integers("lengths").map { Int($0) }
    let (hidden, pooled) = (try file.numbers("hidden"), try file.numbers("pooled"))
    let exact = try run(Double.self, ids, lengths: lengths, count: 2)
    #expect(distance(exact.hidden, hidden) <= 1e-11)
    #expect(distance(exact.pooled, pooled) <= 1e-11)
    let result = try run(Float.self, ids, lengths: lengths, count: 2)
    #expect(distance(result.hidden, hidden) <= 1e-5)
    #expect(distance(result.pooled, pooled) <= 1e-5)
  }

  @Test("padding changes nothing") func padding() throws {
    let ids = try file.integers("ids")
    let (second, width) = (Array(ids[10..<16]), 32)
    let both = try run(Double.self, ids, lengths: [10, 6], count: 2).pooled
    let alone = try run(Double.self, second, lengths: nil, count: 1).pooled
    #expect(distance(alone, Array(both.suffix(width))) <= 1e-12)
  }
}
