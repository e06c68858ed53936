import AdaMerging
import Base
import Checkpoints
import Containers
import Examples
import Models
import Networks
import TensorCore
import TestSupport
import Testing

/// Coefficients of an image encoder.
@Suite(.needsOpenBLAS) struct ImageCoefficientTests {
  private static let base = "networks/clip/model.safetensors"

  /// Returns a model whose values differ a little from those of the base.
  private static func tuned(_ base: Checkpoint, seed: Int) throws -> Checkpoint {
    var model = base
    for index in base.tensors.indices {
      let tensor = base.tensors[index]
      let bytes = try tensor.bytes()
      let changed = stride(from: 0, to: bytes.count, by: 4).flatMap { start in
        let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << (8 * $1) }
        let phase = (start * (seed + 3) + index) % 31
        let value = Float(bitPattern: bits) + 0.02 * Float(phase - 15) / 15
        return (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
      }
      model.tensors[index] = LazyTensor(
        info: tensor.info, source: MemoryTensorSource(info: tensor.info, values: changed),
        stored: tensor.stored)
    }
    return model
  }

  private static func example() throws -> LearnedExample {
    let images = try StoredTensors("networks/clip/inputs.safetensors").floats("images")
    let tasks = ["a", "b"].enumerated().map { index, name in
      let classCount = 3 + index
      return LearningTask(
        name,
        LabelledExamples(
          .floats(images), labels: Array(repeating: -100, count: 4), shape: [3, 32, 32],
          scaling: InputScaling()),
        hasLabels: false,
        head: LearningTask.Head(
          classCount: classCount, width: 20,
          weight: (0..<20 * classCount).map { Float($0 * (7 + index) % 11) - 5 }, bias: nil))
    }
    var recipe = CoefficientRecipe()
    (recipe.batchSize, recipe.batchCount, recipe.stepCount) = (1, 2, 1)
    let text = try Fixtures.bytes("networks/clip/config.json")
    return try LearnedExample(
      base: base, ["a", "b"], ties: nil, ModelConfigurationFile(text: text).configuration(),
      tasks, .given([0, 1, 2, 3], taskCount: 2, exampleCount: 2), recipe
    ) { name in
      let base = try Containers.read(Fixtures.path(Self.base))
      return name == Self.base ? base : try tuned(base, seed: name == "a" ? 1 : 2)
    }
  }

  @Test(
    "derivatives of an image encoder are differences of its objective",
    arguments: [
      "vision_model.embeddings.patch_embedding.weight", "vision_model.pre_layrnorm.weight",
      "vision_model.encoder.layers.0.self_attn.q_proj.weight",
      "vision_model.encoder.layers.2.mlp.fc1.bias", "visual_projection.weight",
    ])
  func derivatives(name: String) throws {
    let example = try Self.example()
    let learner = try example.learner(Double.self, OpenBLAS.compute())
    let row = try #require(learner.rows[name])
    let start = learner.numbers
    func step(_ index: Int, _ change: Double) throws -> CoefficientLearner<Double>.Step {
      var numbers = start
      numbers[0][index] += change
      #expect(learner.restore(numbers))
      try learner.form()
      return try learner.step(1, [[0, 1], [2, 3]], check: noCheck)
    }
    for model in 0..<2 {
      let index = 2 * row + model
      let found = try step(index, 0).gradient[index]
      func value(_ change: Double) throws -> Double {
        try step(index, change).values.joined().reduce(0, +)
      }
      let h = 1e-3
      let near = try value(h) - value(-h)
      let far = try value(2 * h) - value(-2 * h)
      let expected = (8 * near - far) / (12 * h)
      #expect(abs(found - expected) <= 1e-8, "\(model): \(found), \(expected)")
      #expect(abs(found) > 1e-6)
    }
  }

  @Test("numbers of another count are not restored") func counts() throws {
    let learner = try Self.example().learner(Float.self, OpenBLAS.compute())
    let start = learner.numbers
    #expect(!learner.restore([[0.5]]))
    #expect(learner.numbers == start)
  }
}
