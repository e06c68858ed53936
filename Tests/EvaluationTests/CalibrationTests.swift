import Base
import Checkpoints
import Containers
import Evaluation
import Networks
import TestSupport
import Testing

@Suite(.needsOpenBLAS) struct CalibrationTests {
  @Test("sums of inputs are those of torch in float64", arguments: [1, 2])
  func golden(jobs: Int) throws {
    let golden = try Containers.read(Fixtures.path("networks/eval/calibration.safetensors"))
    func bytes(_ name: String) throws -> [UInt8] {
      try #require(golden.tensors.first { $0.name == name }).bytes()
    }
    let windows = try TokenWindows(rows: bytes("tokens").int32s, length: 96)
    let compute = try OpenBLAS.compute(jobs: jobs)
    let model = try EvaluatedFixture.model(compute)
    let found = try Evaluator(windows, compute, memory: 1 << 28, folder: "/tmp")
      .calibration(of: model)
    #expect(found.layers.count == 28)
    for layer in found.layers {
      let sums = try #require(found.sums(of: layer.weight))
      #expect(sums.rowCount == 576)
      let name = layer.weight.replacing(".weight", with: "")
      let squares = try bytes("plain.in_sum2." + name).doubles
      #expect(sums.squares.count == squares.count)
      for (one, other) in zip(sums.squares, squares) {
        #expect(abs(one - other) <= 5e-6 * abs(other) + 1e-9)
      }
      guard name.contains(".layers.3.") else { continue }
      let totals = try bytes("plain.in_sum." + name).doubles
      let largest = totals.map(abs).max() ?? 0
      for (one, other) in zip(sums.sums, totals) { #expect(abs(one - other) <= 1e-5 * largest) }
    }
  }

  @Test("the file has norms under the names of the weights, as pruning reads them")
  func tensors() throws {
    let compute = try OpenBLAS.compute()
    let model = try EvaluatedFixture.model(compute)
    let layers = try model.linearLayers()
    #expect(layers.first?.weight == "model.layers.0.self_attn.q_proj.weight")
    let windows = try TokenWindows(rows: [0, 5, 6, 7], length: 4)
    let found = try Evaluator(windows, compute, memory: 1 << 28, folder: "/tmp")
      .calibration(of: model)
    let tensors = try found.tensors()
    #expect(tensors.count == 5 * layers.count)
    let norms = try #require(
      tensors.first { $0.name == "model.layers.0.mlp.down_proj.weight" }
    ).bytes().floats
    let squares = try #require(found.sums(of: "model.layers.0.mlp.down_proj.weight")).squares
    #expect(norms == squares.map { Float($0.squareRoot()) } && norms.count == 344)
  }
}
