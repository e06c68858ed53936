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

/// Trainings whose every step another program has computed too.
@Suite(.needsOpenBLAS) struct GoldenTrainingTests {
  // MARK: Language model

  private struct Trajectory<S: NetworkScalar> {
    var losses: [Double] = []
    var norms: [Double] = []
    var weights: [String: [S]] = [:]
  }

  private static func recipe() -> TrainingRecipe {
    var recipe = TrainingRecipe(.steps(20))
    recipe.batch = 2
    recipe.optimizer = Adam(betas: (0.9, 0.95), isDecoupled: true)
    recipe.rate = LearningRate(peak: 0.001)
    recipe.rate.schedule = .cosine
    recipe.rate.warmup = 4
    recipe.rate.finalShare = 0.1
    recipe.weightDecay = 0.1
    recipe.decayed = .matrices
    recipe.clip = 1
    return recipe
  }

  /// Trains the model `base` with AdamW on the golden windows.
  private func train<S: NetworkScalar>(_: S.Type) throws -> Trajectory<S> {
    let file = try StoredTensors("networks/train/steps.safetensors")
    let shape = try file.shape("windows")
    let data = TokenExamples(
      rows: try file.integers("windows").map { Int32($0) }, length: shape[2])
    let compute = try OpenBLAS.compute()
    let checkpoint = try Containers.read(Fixtures.path("models/base"))
    let model = ModelConfigurationFile(text: try Fixtures.bytes("models/base/config.json"))
    let trainer = try Trainer<S>(checkpoint, model.configuration(), Self.recipe(), compute)
    var result = Trajectory<S>()
    for step in 0..<shape[0] {
      let batch: Batch<S> = data.batch([2 * step, 2 * step + 1], in: compute.arena)
      let outcome = try trainer.step(
        batch, number: step + 1, rate: Self.recipe().rate(ofStep: step, perEpoch: shape[0]))
      result.losses.append(outcome.score.loss)
      result.norms.append(outcome.norm)
    }
    for parameter in trainer.parameters { result.weights[parameter.name] = parameter.value.numbers }
    return result
  }

  @Test("learning rates warm up and follow a cosine as in the golden training") func rates() throws
  {
    let file = try StoredTensors("networks/train/steps.safetensors")
    let rates = (0..<20).map { Self.recipe().rate(ofStep: $0, perEpoch: 20) }
    #expect(distance(rates, try file.doubles("learning_rates")) <= 1e-14)
  }

  @Test("twenty steps of AdamW equal those of torch, in float64") func exact() throws {
    let file = try StoredTensors("networks/train/steps.safetensors")
    let result = try train(Double.self)
    #expect(distance(result.losses, try file.doubles("losses")) <= 1e-11)
    #expect(distance(result.norms, try file.doubles("gradient_norms")) <= 1e-9)
    let names = file.names.filter { $0.hasPrefix("after20.at.") }
    #expect(names.count >= 30)
    for name in names {
      let tensor = String(name.dropFirst("after20.at.".count))
      let places = try file.integers("index." + tensor)
      let weights = result.weights[tensor] ?? []
      let expected = try file.doubles(name)
      #expect(distance(places.map { weights[$0] }, expected) <= 1e-9, "\(tensor)")
    }
  }

  @Test("twenty steps of AdamW in float32 stay near those in float64") func rounded() throws {
    let file = try StoredTensors("networks/train/steps.safetensors")
    let result = try train(Float.self)
    #expect(distance(result.losses, try file.doubles("losses")) <= 5e-6)
    #expect(distance(result.norms, try file.doubles("gradient_norms")) <= 5e-5)
    let names = file.names.filter { $0.hasPrefix("after20.norm.") }
    #expect(names.count == 39)
    for name in names {
      let weights = result.weights[String(name.dropFirst("after20.norm.".count))] ?? []
      let norm = weights.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      let expected = try file.doubles(name)[0]
      #expect(abs(norm - expected) <= 1e-6 * expected, "\(name)")
    }
  }

  // MARK: Pruned networks

  private struct Round<S: NetworkScalar> {
    var losses: [Double] = []
    var norms: [Double] = []
    var trainCorrect: [Int] = []
    var testCorrect: [Int] = []
    var weights: [S] = []
  }

  /// Trains a round of a case from the initial weights and the golden masks.
  private func train<S: NetworkScalar>(_ name: String, round: Int, _: S.Type) throws -> Round<S> {
    let expected = try StoredTensors("training/expected.npz")
    let key = name.replacing("/", with: "|") + "|\(round)|"
    var masks: [String: LazyTensor] = [:]
    for stored in expected.names where stored.hasPrefix(key + "mask|") {
      masks[String(stored.dropFirst((key + "mask|").count))] = try expected.tensor(stored)
    }
    #expect(round == 0 || masks.count == 3)
    let compute = try OpenBLAS.compute()
    let recipe = Digits.recipe
    let start = try StoredTensors("training/start.safetensors")
    let trainer = try Trainer<S>(
      start.checkpoint, Digits.configuration(), recipe, masks: masks, compute)
    let (data, test, order) = (
      try Digits.data("train"), try Digits.data("test"), try Digits.order(round: round)
    )
    let perEpoch = TrainingLoop.stepsPerEpoch(recipe, data)
    var result = Round<S>()
    for epoch in 0..<3 {
      let examples = order.examples(ofEpoch: epoch, count: data.count)
      var score = Score()
      for place in 0..<perEpoch {
        let step = epoch * perEpoch + place
        let batch: Batch<S> = data.batch(
          Array(examples[50 * place..<min(data.count, 50 * place + 50)]), in: compute.arena)
        let outcome = try trainer.step(
          batch, number: step + 1, rate: recipe.rate(ofStep: step, perEpoch: perEpoch))
        result.losses.append(outcome.score.loss)
        result.norms.append(outcome.norm)
        score += outcome.score
      }
      result.trainCorrect.append(score.correctCount)
      let all: Batch<S> = test.batch(Array(0..<test.count), in: compute.arena)
      result.testCorrect.append(try trainer.score(all).correctCount)
    }
    for layer in ["blocks.0", "blocks.2", "linear"] {
      for kind in ["weight", "bias"] {
        let values = trainer.parameters.first { $0.name == "\(layer).\(kind)" }?.value.numbers ?? []
        result.weights += stride(from: 0, to: values.count, by: 23).map { values[$0] }
      }
    }
    return result
  }

  static let cases = ["global/si-0.5-1-0-1", "layer/lt-0.2"].flatMap { name in
    (0..<4).map { (name, $0) }
  }

  @Test("rounds of training pruned networks equal those of the authors' code", arguments: cases)
  func pruned(name: String, round: Int) throws {
    let file = try StoredTensors("training/expected.npz")
    let key = name.replacing("/", with: "|") + "|\(round)|"
    let counts = try Digits.rounds(name)[round]
    let (exact, rounded) = (
      try train(name, round: round, Double.self), try train(name, round: round, Float.self)
    )
    let (losses, norms) = (try file.doubles(key + "losses"), try file.doubles(key + "norms"))
    #expect(distance(exact.losses, losses) <= 1e-11)
    #expect(distance(exact.norms, norms) <= 1e-10)
    #expect(exact.trainCorrect == counts.trainCorrect)
    #expect(exact.testCorrect == counts.testCorrect)
    let weights = try file.doubles(key + "weights")
    let worst = zip(exact.weights, weights).map { abs($0 - $1) }.max() ?? .infinity
    #expect(exact.weights.count == weights.count && worst <= 1e-10)
    #expect(distance(rounded.weights, weights) <= 3e-6)
    for (found, count) in zip(rounded.testCorrect, counts.testCorrect) {
      #expect(abs(found - count) <= 1)
    }
  }
}
