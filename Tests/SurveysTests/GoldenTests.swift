import Base
import Checkpoints
import Containers
import Surveys
import TensorCore
import TestSupport
import Testing

/// Compares the PQ Index and the Gini coefficient with the code of the paper's authors.
@Suite struct GoldenTests {
  static let models = ["mlp", "mlp_ties", "cnn", "edge"]

  private static let golden = Result {
    try Containers.read(Fixtures.path("prune/golden.safetensors"))
  }

  private static func values(_ name: String) throws -> [Float] {
    let golden = try golden.get()
    let tensor = try #require(golden.tensors.first { $0.name == name })
    return try tensor.bytes().floats
  }

  /// Every third entry of the grid of exponents; p grows with the first index.
  private static let grid: [(p: Double, q: Double, entry: Int)] = (0..<10).flatMap { i in
    (0..<11).compactMap { j in
      let (p, q) = (Double(i + 1) / 10, Double(j + 10) / 10)
      return p < q && (i + j) % 3 == 0 ? (p, q, 11 * i + j) : nil
    }
  }

  @Test("the PQ Index of tensors and of all weights matches the official code", arguments: models)
  func layers(model: String) throws {
    let checkpoint = try Containers.read(Fixtures.path("prune/\(model).ckpt.safetensors"))
    let weights = checkpoint.tensors.filter {
      $0.name.hasSuffix("weight") && $0.info.shape.dimensions.count > 1
    }
    let expected = try weights.map { try Self.values("\(model)/pqi/layer/\($0.name)") }
    let expectedGlobal = try Self.values("\(model)/pqi/global/global")
    for (p, q, entry) in Self.grid {
      let exponents = try #require(PQIndex(p: p, q: q))
      let found = try StatisticsSurvey(exponents: exponents).result(
        of: weights, rows: weights.roleRows, engine: .test())
      for (number, statistics) in found.tensors.enumerated() {
        let index = try #require(statistics.distribution).pqIndex
        #expect(
          abs(index - Double(expected[number][entry])) <= 2e-5,
          "\(weights[number].name) \(p) \(q)")
      }
      let index = try #require(found.model.distribution).pqIndex
      #expect(abs(index - Double(expectedGlobal[entry])) <= 2e-5, "\(p) \(q)")
    }
  }

  @Test("the PQ Index of neurons matches the official code", arguments: models)
  func neurons(model: String) throws {
    let checkpoint = try Containers.read(Fixtures.path("prune/\(model).ckpt.safetensors"))
    let weights = checkpoint.tensors.filter { NeuronSurvey.applies(to: $0.info) }
    #expect(!weights.isEmpty)
    let expected = try weights.map { try Self.values("\(model)/pqi/neuron/\($0.name)") }
    for (p, q, entry) in Self.grid {
      let exponents = try #require(PQIndex(p: p, q: q))
      let found = try NeuronSurvey(exponents: exponents).result(
        of: weights, rows: weights.roleRows, engine: .test())
      for (number, neurons) in found.enumerated() {
        let count = weights[number].info.shape.dimensions[0]
        let values = expected[number][entry * count..<(entry + 1) * count]
        let isRight = zip(try #require(neurons), values).allSatisfy {
          abs($0.pqIndex - Double($1)) <= 2e-5
        }
        #expect(isRight, "\(weights[number].name) \(p) \(q)")
      }
    }
  }

  @Test("the Gini coefficient matches the official code", arguments: models)
  func gini(model: String) throws {
    let checkpoint = try Containers.read(Fixtures.path("prune/\(model).ckpt.safetensors"))
    let weights = checkpoint.tensors.filter { NeuronSurvey.applies(to: $0.info) }
    let found = try StatisticsSurvey().result(
      of: weights, rows: weights.roleRows, engine: .test())
    let neurons = try NeuronSurvey().result(
      of: weights, rows: weights.roleRows, engine: .test())
    for (number, tensor) in weights.enumerated() {
      let layer = try Self.values("\(model)/gini/layer/\(tensor.name)")[0]
      let value = try #require(found.tensors[number].distribution?.gini)
      #expect(abs(value - Double(layer)) <= 2e-5, "\(tensor.name)")
      let rows = try Self.values("\(model)/gini/neuron/\(tensor.name)")
      for (row, neuron) in try #require(neurons[number]).enumerated() {
        #expect(abs(neuron.gini - Double(rows[row])) <= 2e-5, "\(tensor.name) \(row)")
      }
    }
    let global = try Self.values("\(model)/gini/global/global")[0]
    #expect(abs(try #require(found.model.distribution?.gini) - Double(global)) <= 2e-5)
  }
}
