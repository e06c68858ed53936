import Base
import Checkpoints
import Examples
import Models
import Networks
import TensorCore
import TestSupport
import Testing
import Training

/// The networks that sizes describe, and their new tensors.
@Suite struct ClassifierTests {
  private func outline(_ text: String) throws -> Network<Float> {
    let object = try #require(try ArchitectureSpec.configuration(text))
    return try Network<Float>.outline(of: ModelConfiguration(object), path: text)
  }

  @Test("a perceptron has the layers of its sizes") func perceptron() throws {
    let shapes = try outline("mlp:64,32,64,10").required.map { "\($0.name) \($0.shape)" }
    #expect(
      shapes == [
        "blocks.0.weight [32, 64]", "blocks.0.bias [32]", "blocks.2.weight [64, 32]",
        "blocks.2.bias [64]", "linear.weight [10, 64]", "linear.bias [10]",
      ])
  }

  @Test("a convolutional network has four modules for each stage") func convolutional() throws {
    let required = try outline("convnet:1x28x28,8,16,10").required
    #expect(required.map(\.name).contains("blocks.5.running_var"))
    #expect(required.first { $0.name == "blocks.4.weight" }?.shape == [16, 8, 3, 3])
    #expect(required.count == 14)
  }

  @Test(
    "a residual network has the number of values of its architecture",
    arguments: [
      // The trained values of ResNet-18 with a stem for small images and 10 classes.
      ("resnet18:3x32x32,64,10", 11_173_962), ("resnet18:3x32x32,20,10", 1_094_750),
      ("resnet34:3x32x32,64,10", 21_282_122),
    ])
  func residual(text: String, count: Int) throws {
    let required = try outline(text).required.filter { !$0.name.contains("running_") }
    #expect(required.reduce(0) { $0 + $1.shape.reduce(1, *) } == count)
    #expect(required.contains { $0.name == "layer2.0.downsample.0.weight" })
  }

  @Test(
    "sizes that describe no network are refused",
    arguments: [
      "mlp:64", "mlp:0,10", "convnet:28x28,8,10", "resnet19:3x32x32,16,10", "vgg:3,4",
      "resnet18:3x32x32,16,32,10", "mlp:64,,10",
    ])
  func refused(text: String) {
    #expect(throws: UsageError.self) { try ArchitectureSpec.configuration(text) }
  }

  @Test(
    "a refusal states the wrong size and the expected ones",
    arguments: [
      ("mlp:64,0,10", "the size '0', expected whole numbers from 1 to 65,536"),
      ("mlp:64,65537,10", "the size '65537', expected"), ("mlp:64,,10", "an empty size, expected"),
      ("convnet:1x8xa,8,10", "the size 'a', expected"),
      ("convnet:3x2x2,8,8,8,8,10", "has 4 stages, but images of 2 x 2 can be halved 1 time"),
      ("convnet:3x1x9,8,8,10", "has 2 stages, but images of 1 x 9 can be halved 0 times"),
    ])
  func sizes(text: String, message: String) {
    let error = #expect(throws: UsageError.self) { try ArchitectureSpec.configuration(text) }
    #expect(error?.message.contains(message) == true, "\(error?.description ?? "")")
    #expect(error?.hint != nil)
  }

  @Test(
    "a convnet may halve its images down to one place",
    arguments: ["convnet:3x2x2,8,8,10", "convnet:3x8x9,4,4,4,4,10", "convnet:1x1x1,8,10"])
  func smallest(text: String) throws { #expect(try !outline(text).required.isEmpty) }

  @Test("new tensors depend on name, seed and place, and stay within their limits")
  func initial() throws {
    let network = try outline("convnet:1x8x8,8,10")
    let tensors = try InitialTensors.tensors(of: network, seed: 1)
    let again = try InitialTensors.tensors(of: network, seed: 1)
    let others = try InitialTensors.tensors(of: network, seed: 2)
    #expect(try tensors.map { try $0.bytes() } == again.map { try $0.bytes() })
    func numbers(_ tensors: [LazyTensor], _ name: String) throws -> [Float] {
      try tensors.first { $0.name == name }?.bytes().floats ?? []
    }
    let weight = try numbers(tensors, "blocks.0.weight")
    #expect(try weight != numbers(others, "blocks.0.weight"))
    // √(6 / 9), which numbers reach nearly.
    #expect(weight.allSatisfy { abs($0) <= 0.816_497 } && weight.contains { abs($0) > 0.7 })
    #expect(try numbers(tensors, "blocks.1.weight").allSatisfy { $0 == 1 })
    #expect(try numbers(tensors, "blocks.1.running_var").allSatisfy { $0 == 1 })
    #expect(try numbers(tensors, "blocks.0.bias").allSatisfy { $0 == 0 })
  }

  @Test("normalizations of Gemma start at 0, because it adds 1") func gemma() throws {
    let model = try ModelConfigurationFile(
      text: try Fixtures.bytes("networks/families/gemma2/config.json")
    ).configuration()
    let network = try Network<Float>.outline(of: model, path: "gemma2")
    let tensors = try InitialTensors.tensors(of: network, seed: 0)
    let norms = tensors.filter { $0.name.hasSuffix("norm.weight") }
    #expect(norms.count > 4)
    #expect(try norms.flatMap { try $0.bytes().floats }.allSatisfy { $0 == 0 })
  }
}

/// Changes by training in networks with batch normalization.
@Suite(.needsOpenBLAS) struct NormalizedTrainingTests {
  private func trainer<S: NetworkScalar>(
    _ text: String, _: S.Type, jobs: Int = 1
  ) throws -> Trainer<S> {
    let object = try #require(try ArchitectureSpec.configuration(text))
    let model = ModelConfiguration(object)
    let network = try Network<Float>.outline(of: model, path: text)
    let checkpoint = Checkpoint(
      path: text, container: .memory, tensors: try InitialTensors.tensors(of: network, seed: 3),
      identity: InputIdentity(hash: "", byteCount: 0), files: [])
    var recipe = TrainingRecipe(.steps(10))
    recipe.optimizer = SGD()
    return try Trainer<S>(checkpoint, model, recipe, OpenBLAS.compute(jobs: jobs))
  }

  private func data(_ count: Int, shape: [Int]) -> LabelledExamples {
    var generator = SeededGenerator(seed: 5)
    let values = (0..<count * shape.reduce(1, *)).map { _ in
      Float.random(in: -1...1, using: &generator)
    }
    return LabelledExamples(
      .floats(values), labels: (0..<count).map { Int32($0 % 3) }, shape: shape,
      scaling: InputScaling())
  }

  @Test(
    "a step of plain descent moves along the gradient, by central differences",
    arguments: ["mlp:12,5,3", "convnet:2x4x4,3,4,3", "resnet10:1x8x8,2,3"])
  func gradient(text: String) throws {
    let shape =
      try #require(try ArchitectureSpec.configuration(text))["input_shape"]?.asArray?
      .compactMap(\.asInt) ?? []
    let data = data(6, shape: shape)
    /// Returns the loss of the batch with one number moved, and the network after the step.
    func step(_ name: String, _ index: Int, by move: Double, rate: Double) throws -> (
      loss: Double, weights: [Double]
    ) {
      let trainer = try trainer(text, Double.self)
      let parameter = try #require(trainer.parameters.first { $0.name == name })
      var numbers = parameter.value.numbers
      numbers[index] += move
      parameter.set(numbers)
      let batch: Batch<Double> = data.batch(Array(0..<6), in: trainer.compute.arena)
      let loss = try trainer.step(batch, number: 1, rate: rate).score.loss
      return (loss, parameter.value.numbers)
    }
    let names = try trainer(text, Double.self).parameters.map(\.name)
    #expect(names.count >= 4)
    for name in names {
      let before = try #require(
        trainer(text, Double.self).parameters.first { $0.name == name }
      ).value.numbers
      let index = before.count / 2
      let moved = try step(name, index, by: 0, rate: 1).weights[index]
      let up = try step(name, index, by: 1e-5, rate: 1).loss
      let down = try step(name, index, by: -1e-5, rate: 1).loss
      let slope = (up - down) / 2e-5
      #expect(abs((before[index] - moved) - slope) <= 1e-6 * max(1, abs(slope)), "\(name)")
    }
  }

  @Test("running statistics follow the batches of training and decide evaluations")
  func statistics() throws {
    let trainer = try trainer("convnet:1x4x4,2,3", Double.self)
    let data = data(8, shape: [1, 4, 4])
    let batch: Batch<Double> = data.batch(Array(0..<8), in: trainer.compute.arena)
    let before = try trainer.score(batch)
    let start = trainer.statistics.map(\.value.numbers)
    _ = try trainer.step(batch, number: 1, rate: 1e-12)
    #expect(trainer.statistics.map(\.value.numbers) != start)
    #expect(try trainer.score(batch) != before)
  }

  @Test("segments and workers change no bit", arguments: ["resnet10:1x8x8,4,3", "mlp:16,8,3"])
  func sameBits(text: String) throws {
    func weights(jobs: Int, usesSegments: Bool) throws -> [[UInt32]] {
      let trainer = try trainer(text, Float.self, jobs: jobs)
      trainer.usesSegments = usesSegments
      let shape = try #require(trainer.network.configuration.classifier).inputShape
      let data = data(12, shape: shape)
      for step in 0..<3 {
        let batch: Batch<Float> = data.batch(Array(0..<12), in: trainer.compute.arena)
        _ = try trainer.step(batch, number: step + 1, rate: 0.05)
      }
      return (trainer.parameters + trainer.statistics).map { $0.value.numbers.map(\.bitPattern) }
    }
    let reference = try weights(jobs: 1, usesSegments: false)
    #expect(try weights(jobs: 2, usesSegments: false) == reference)
    #expect(try weights(jobs: 1, usesSegments: true) == reference)
  }

  @Test("the counted memory of a step is its peak, with and without segments")
  func memory() throws {
    let object = try #require(try ArchitectureSpec.configuration("resnet10:1x16x16,4,3"))
    let model = ModelConfiguration(object)
    let tensors = try InitialTensors.tensors(
      of: Network<Float>.outline(of: model, path: "net"), seed: 0)
    let checkpoint = Checkpoint(
      path: "net", container: .memory, tensors: tensors,
      identity: InputIdentity(hash: "", byteCount: 0), files: [])
    let data = data(16, shape: [1, 16, 16])
    var recipe = TrainingRecipe(.steps(1))
    recipe.optimizer = Adam()
    func peak(_ compute: Compute, _ usesSegments: Bool) throws -> Int {
      let trainer = try Trainer<Float>(checkpoint, model, recipe, compute)
      trainer.usesSegments = usesSegments
      let batch: Batch<Float> = data.batch(Array(0..<16), in: compute.arena)
      _ = try trainer.step(batch, number: 1, rate: 0.1)
      return compute.arena.peakByteCount
    }
    let whole = try peak(Compute.counting(jobs: 1), false)
    let parts = try peak(Compute.counting(jobs: 1), true)
    #expect(parts < whole)
    for (usesSegments, counted) in [(false, whole), (true, parts)] {
      let measured = try peak(OpenBLAS.compute(), usesSegments)
      #expect(measured <= counted && counted <= 2 * measured)
    }
  }
}
