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
    for pair in try Self.derivatives(of: name, Self.example()) {
      #expect(abs(pair.found - pair.expected) <= 1e-8, "\(pair)")
      #expect(abs(pair.found) > 1e-6)
    }
  }

  @Test(
    "derivatives of a convolutional network are differences of its objective, also by running statistics",
    arguments: [
      "blocks.0.weight", "blocks.1.bias", "blocks.1.running_mean", "blocks.1.running_var",
      "linear.weight",
    ])
  func convolution(name: String) throws {
    for pair in try Self.derivatives(of: name, Self.convolution()) {
      #expect(abs(pair.found - pair.expected) <= 1e-8, "\(pair)")
      #expect(abs(pair.found) > 1e-6)
    }
  }

  /// Returns the derivatives by both coefficients of a tensor, and the differences of five points.
  private static func derivatives(
    of name: String, _ example: LearnedExample
  ) throws -> [(found: Double, expected: Double)] {
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
    return try (0..<2).map { model in
      let index = 2 * row + model
      func value(_ change: Double) throws -> Double {
        try step(index, change).values.joined().reduce(0, +)
      }
      let h = 1e-5
      let near = try value(h) - value(-h)
      let far = try value(2 * h) - value(-2 * h)
      return (try step(index, 0).gradient[index], (8 * near - far) / (12 * h))
    }
  }

  /// Returns a merge of convolutional networks with one stage.
  private static func convolution() throws -> LearnedExample {
    let shapes: [(name: String, shape: [Int])] = [
      ("blocks.0.weight", [3, 1, 3, 3]), ("blocks.0.bias", [3]), ("blocks.1.weight", [3]),
      ("blocks.1.bias", [3]), ("blocks.1.running_mean", [3]), ("blocks.1.running_var", [3]),
      ("linear.weight", [4, 3]), ("linear.bias", [4]),
    ]
    func model(_ path: String, _ seed: Int) throws -> Checkpoint {
      let tensors = try shapes.map { name, shape in
        let info = try TensorInfo(name: name, dtype: .f32, shape: Shape(shape))
        // The variance stays above 0.
        let lift: Float = name.hasSuffix("var") || name.hasSuffix("1.weight") ? 1.5 : 0.1
        let bytes = (0..<info.elementCount).flatMap { index in
          let bits = (lift + Float((index * 7 + seed * (index + 5)) % 13 - 6) / 10).bitPattern
          return (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
        }
        return LazyTensor(
          info: info, source: MemoryTensorSource(info: info, values: bytes),
          stored: StoredForm(file: path, byteOffset: 0, byteCount: bytes.count, dtype: .f32))
      }
      return Checkpoint(
        path: path, container: .memory, tensors: tensors,
        identity: InputIdentity(hash: path, byteCount: 0), files: [])
    }
    let tasks = ["a", "b"].map { name in
      LearningTask(
        name,
        LabelledExamples(
          .floats((0..<4 * 36).map { Float($0 * 11 % 17) / 17 }),
          labels: Array(repeating: -100, count: 4), shape: [1, 6, 6], scaling: InputScaling()),
        hasLabels: false,
        head: LearningTask.Head(
          classCount: 3, width: 4, weight: (0..<12).map { Float($0 * 5 % 7) - 3 }, bias: nil))
    }
    var recipe = CoefficientRecipe()
    (recipe.batchSize, recipe.batchCount, recipe.stepCount) = (1, 2, 1)
    let configuration = ModelConfiguration([
      "model_type": .string("convnet"),
      "input_shape": .array([JSONValue(1), JSONValue(6), JSONValue(6)]),
      "hidden_sizes": .array([JSONValue(3)]), "num_labels": JSONValue(4),
    ])
    return try LearnedExample(
      base: "base", ["a", "b"], ties: nil, configuration, tasks,
      .given([0, 1, 2, 3], taskCount: 2, exampleCount: 2), recipe
    ) { name in try model(name, ["base", "a", "b"].firstIndex(of: name) ?? 0) }
  }

  @Test("numbers of another count are not restored") func counts() throws {
    let learner = try Self.example().learner(Float.self, OpenBLAS.compute())
    let start = learner.numbers
    #expect(!learner.restore([[0.5]]))
    #expect(learner.numbers == start)
  }
}
