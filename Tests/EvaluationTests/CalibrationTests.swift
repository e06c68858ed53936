import Base
import Checkpoints
import Containers
import Evaluation
import Networks
import TensorCore
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
    let found = try Evaluator(
      windows, EvaluationResources(compute, memory: 1 << 28, folder: "/tmp")
    )
    .calibration(of: model)
    #expect(found.layers.count == 29 && found.layers.last?.weight == "lm_head.weight")
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
    let found = try Evaluator(
      windows, EvaluationResources(compute, memory: 1 << 28, folder: "/tmp")
    )
    .calibration(of: model)
    let tensors = try found.tensors()
    #expect(tensors.count == 5 * layers.count)
    let norms = try #require(
      tensors.first { $0.name == "model.layers.0.mlp.down_proj.weight" }
    ).bytes().floats
    let squares = try #require(found.sums(of: "model.layers.0.mlp.down_proj.weight")).squares
    #expect(norms == squares.map { Float($0.squareRoot()) } && norms.count == 344)
  }

  private func tokens() throws -> TokenWindows {
    let golden = try Containers.read(Fixtures.path("networks/eval/calibration.safetensors"))
    let tensor = try #require(golden.tensors.first { $0.name == "tokens" })
    return try TokenWindows(rows: tensor.bytes().int32s, length: 96)
  }

  @Test("products of inputs are Xᵀ X, and layers that read the same share them", arguments: [1, 2])
  func products(jobs: Int) throws {
    let compute = try OpenBLAS.compute(jobs: jobs)
    let model = try EvaluatedFixture.model(compute)
    let prefix = "model.layers.1.self_attn."
    let wanted: Set = [prefix + "q_proj.weight", prefix + "v_proj.weight", "lm_head.weight"]
    let found = try Evaluator(
      tokens(), EvaluationResources(compute, memory: 1 << 28, folder: "/tmp")
    )
    .calibration(of: model, products: wanted)
    let queries = try #require(found.products(of: prefix + "q_proj.weight"))
    #expect(found.products(of: prefix + "v_proj.weight") === queries)
    #expect(found.products(of: prefix + "o_proj.weight") == nil)
    for name in wanted {
      let products = try #require(found.products(of: name))
      let squares = try #require(found.sums(of: name)).squares
      for channel in squares.indices {
        #expect(abs(products[channel, channel] - squares[channel]) <= 1e-5 * squares[channel])
        let other = (channel + 5) % squares.count
        #expect(
          abs(products[channel, other] - products[other, channel])
            <= 1e-6 * (squares[channel] * squares[other]).squareRoot())
      }
    }
    let layers = try model.linearLayers()
    let size = 8 * 128 * 128
    #expect(
      Evaluator.productByteCount(of: layers, wanted: wanted) == 2 * size + size / 2)
    let tensors = try found.tensors(products: wanted)
    let tensor = try #require(
      tensors.first { $0.name == "calibration.products." + prefix + "q_proj.weight" })
    #expect(tensor.info.shape.dimensions == [128, 128])
    #expect(try tensor.bytes().doubles[3 * 128 + 7] == queries[3, 7])
  }

  @Test("with a changed model, each block reads what the changed blocks before it compute")
  func changed() throws {
    let compute = try OpenBLAS.compute()
    let model = try EvaluatedFixture.model(compute)
    let halved = try EvaluatedFixture.model(compute) { name, bits, _ in
      // Halves BF16 numbers, whose exponents start at bit 7.
      name == "model.layers.0.mlp.down_proj.weight"
        ? bits.map { $0 & 0x7F80 > 0x80 ? $0 - 0x80 : 0 } : nil
    }
    let evaluator = try Evaluator(
      tokens(), EvaluationResources(compute, memory: 1 << 28, folder: "/tmp"))
    let plain = try evaluator.calibration(of: model)
    let sequential = try evaluator.calibration(of: model, changed: { _, _ in halved })
    let other = try evaluator.calibration(of: halved)
    for layer in plain.layers {
      let (weight, found) = (layer.weight, sequential.sums(of: layer.weight))
      // The block itself is not changed while it is measured.
      if weight.hasPrefix("model.layers.0.") {
        #expect(found == plain.sums(of: weight))
      } else {
        #expect(found == other.sums(of: weight) && found != plain.sums(of: weight))
      }
    }
  }
}
