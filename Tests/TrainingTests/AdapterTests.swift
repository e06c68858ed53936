import Base
import Checkpoints
import Containers
import Examples
import Models
import Networks
import TensorCore
import TestSupport
import Testing
import Training

/// Low-rank adapters: their texts, their layers and their training.
@Suite(.needsOpenBLAS) struct AdapterTests {
  @Test("texts give rank and alpha, and alpha is the rank without one")
  func settings() throws {
    let plain = try AdapterSettings("lora:8")
    #expect(plain.rank == 8 && plain.scale == 1)
    let scaled = try AdapterSettings("lora:8:16")
    #expect(scaled.rank == 8 && scaled.alpha == 16 && scaled.scale == 2)
  }

  @Test(
    "texts without a rank or with a wrong alpha are refused",
    arguments: ["lora", "lora:0", "lora:x", "dora:8", "lora:8:0", "lora:8:nan", "lora:8:1:2"])
  func refused(text: String) {
    #expect(throws: UsageError.self) { try AdapterSettings(text) }
  }

  private func trainer(
    _ path: String, targets: [String] = [], readsLazily: Bool = false
  ) throws -> Trainer<Double> {
    let model = ModelConfigurationFile(text: try Fixtures.bytes(path + "/config.json"))
    var settings = try AdapterSettings("lora:2:4")
    settings.targets = targets
    var recipe = TrainingRecipe(.steps(5))
    recipe.optimizer = Adam()
    return try Trainer<Double>(
      Containers.read(Fixtures.path(path)), model.configuration(), recipe,
      part: .adapters(settings), readsLazily: readsLazily, OpenBLAS.compute())
  }

  private func batch(_ trainer: Trainer<Double>) -> Batch<Double> {
    let limit = trainer.network.configuration.vocabularySize
    let tokens = (0..<24).map { Int32(($0 * $0 * 7 + 3 * $0) % limit) }
    return TokenExamples(rows: tokens, length: 12).batch([0, 1], in: trainer.compute.arena)
  }

  @Test("the default layers are all linear ones but the output, and targets are ends of names")
  func layers() throws {
    let all = try trainer("models/base")
    #expect(all.adapted.count == 4 * 7 && !all.adapted.contains { $0.layer.module == "lm_head" })
    let some = try trainer("models/base", targets: ["q_proj", "1.mlp.up_proj"])
    #expect(
      some.adapted.map(\.layer.module)
        == [
          "model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj",
          "model.layers.1.mlp.up_proj", "model.layers.2.self_attn.q_proj",
          "model.layers.3.self_attn.q_proj",
        ])
    #expect(throws: UsageError.self) { try trainer("models/base", targets: ["proj"]) }
  }

  @Test(
    "adapters start without an effect, and a step moves them along the gradient",
    arguments: ["models/base", "networks/families/gpt2", "networks/families/mixtral"])
  func gradient(path: String) throws {
    let start = try trainer(path)
    let batch = batch(start)
    let plain = try Trainer<Double>(
      Containers.read(Fixtures.path(path)),
      ModelConfigurationFile(
        text: try Fixtures.bytes(path + "/config.json")
      ).configuration(), start.recipe, start.compute)
    #expect(try start.score(batch).loss == plain.score(batch).loss)
    // B is 0 at first, so that only it has a gradient.
    let before = try start.step(batch, number: 1, rate: 1e-3).score.loss
    let after = try start.step(batch, number: 2, rate: 1e-3).score.loss
    #expect(after < before)
    let one = try #require(start.adapted.last)
    /// The loss with one number of a factor moved.
    func loss(_ parameter: ResidentParameter<Double>, _ index: Int, by move: Double) throws
      -> Double
    {
      let numbers = parameter.value.numbers
      defer { parameter.set(numbers) }
      var moved = numbers
      moved[index] += move
      parameter.set(moved)
      return try start.score(batch).loss
    }
    let tape = try trainer(path)
    for (own, other) in zip(tape.parameters, start.parameters) { own.set(other.value.numbers) }
    for parameter in [one.a, one.b] {
      let slope = try (loss(parameter, 1, by: 1e-5) - loss(parameter, 1, by: -1e-5)) / 2e-5
      // The first step of Adam has the sign of the gradient.
      let own = try #require(tape.parameters.first { $0.name == parameter.name })
      let old = own.value.numbers
      _ = try tape.step(batch, number: 1, rate: 1e-6)
      let moved = own.value.numbers[1] - old[1]
      #expect(abs(slope) < 1e-9 || (moved < 0) == (slope > 0), "\(parameter.name)")
      for (own, other) in zip(tape.parameters, start.parameters) { own.set(other.value.numbers) }
    }
  }

  @Test("weights that are read when they are needed change no bit") func lazy() throws {
    func factors(readsLazily: Bool) throws -> [[Double]] {
      let trainer = try trainer("models/base", readsLazily: readsLazily)
      let batch = batch(trainer)
      for step in 1...3 { _ = try trainer.step(batch, number: step, rate: 1e-3) }
      return trainer.parameters.map(\.value.numbers)
    }
    #expect(try factors(readsLazily: true) == factors(readsLazily: false))
  }

  @Test("texts in several files are cut into windows of one text each, after a start token")
  func texts() {
    let data = TokenExamples(texts: [[1, 2, 3, 4, 5], [6, 7, 8], [9]], length: 2, start: 0)
    #expect(data.count == 3)
    let batch: Batch<Float> = data.batch([0, 1, 2], in: Arena())
    #expect(batch.targets == [1, 2, 3, 4, 6, 7])
    guard case .tokens(let inputs) = batch.input else { return #expect(Bool(false)) }
    #expect(inputs == [0, 1, 0, 3, 0, 6])
    #expect(TokenExamples(texts: [[1, 2, 3, 4, 5], [6, 7, 8]], length: 2).count == 3)
  }
}
