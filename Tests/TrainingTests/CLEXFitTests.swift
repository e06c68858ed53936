import Base
import Checkpoints
import Containers
import Examples
import Models
import Networks
import Rotary
import TensorCore
import TestSupport
import Testing
import Training

/// The training of CLEX, compared with the official layer and torch.
@Suite(.needsOpenBLAS) struct CLEXFitTests {
  /// Gradients of a case through the solver and the table of positions.
  struct Case: Sendable, CustomTestStringConvertible {
    let dim: Int
    let step: Double
    let activation: CLEXParameters.Activation
    let factor: Double
    let time: Int
    let share: Int
    var name: String { "d\(dim)_dt\(step)_\(activation.rawValue)_pf\(Int(factor))" }
    var testDescription: String { "\(name) t\(time) s\(share)" }

    static let all = [
      Case(dim: 16, step: 0.1, activation: .tanh, factor: 1, time: 1, share: 2),
      Case(dim: 16, step: 0.1, activation: .tanh, factor: 1, time: 3, share: 2),
      Case(dim: 16, step: 0.01, activation: .silu, factor: 1, time: 2, share: 1),
      Case(dim: 16, step: 0.3, activation: .tanh, factor: 2, time: 4, share: 1),
    ]
  }

  private func gradients<S: NetworkScalar>(
    _ one: Case, _: S.Type
  ) throws -> (table: [S], up: [S], down: [S], start: [S]) {
    let file = try StoredTensors("training/clex.safetensors")
    let compute = try OpenBLAS.compute()
    func floats(_ name: String) throws -> [Float] {
      try file.tensor(one.name + "/" + name).bytes().floats
    }
    func parameter(_ name: String) throws -> ResidentParameter<S> {
      let numbers = try floats(name).map { S($0) }
      return ResidentParameter(
        name, Value(try file.shape(one.name + "/" + name), numbers, in: compute.arena),
        isTrained: true)
    }
    let (up, down) = (try parameter("up"), try parameter("down"))
    let logs = try floats("inv_freq").map { S(naturalLogarithm(Double($0))) }
    let start = Value<S>([logs.count], logs, needsGradient: true, in: compute.arena)
    let place = "\(one.name)/t\(one.time)_s\(one.share)/"
    let positions = try file.doubles(place + "positions")
    let tape = Tape<S>(compute, isRecording: true)
    var state = start
    if one.time > 1 {
      let parameters = CLEXParameters(
        maximumFactor: 4, parameterFactor: one.factor, activation: one.activation, step: one.step)
      state = try tape.apply(
        CLEXFrequencies(parameters, time: one.time), [start], [up, down])
    }
    let table = try tape.apply(RotaryTable(positions), [state])
    // The official layer repeats each cosine and sine for both halves of a head.
    let upstream = try file.tensor(place + "upstream").bytes().floats
    let (half, rows) = (logs.count, positions.count)
    var folded: [S] = []
    for row in 0..<rows {
      for part in 0..<2 {
        for index in 0..<half {
          let from = (part * rows + row) * one.dim + index
          folded.append(S(upstream[from]) + S(upstream[from + half]))
        }
      }
    }
    var found: [String: [S]] = [:]
    let gradients = try tape.backward(
      from: table, gradient: Value(table.shape, folded, in: compute.arena)
    ) { found[$0.name] = $1.numbers }
    let inverse = try floats("inv_freq")
    let byStart = (gradients[start]?.numbers ?? []).enumerated().map { $1 / S(inverse[$0]) }
    return (
      table.numbers, found["up"] ?? up.value.numbers.map { _ in 0 },
      found["down"] ?? down.value.numbers.map { _ in 0 }, byStart
    )
  }

  @Test("gradients equal those of the official layer in float64", arguments: Case.all)
  func exact(one: Case) throws {
    let file = try StoredTensors("training/clex.safetensors")
    let place = "\(one.name)/t\(one.time)_s\(one.share)/"
    let found = try gradients(one, Double.self)
    #expect(distance(found.up, try file.doubles(place + "grad_up")) <= 1e-10)
    #expect(distance(found.down, try file.doubles(place + "grad_down")) <= 1e-10)
    #expect(distance(found.start, try file.doubles(place + "grad_inv_freq")) <= 1e-10)
    // Cosines and sines of the last position, each stored for both halves of a head.
    let stored = try file.doubles(place + "cos_sin")
    let (half, rows) = (one.dim / 2, stored.count / (2 * one.dim))
    let last = (0..<2).flatMap { part in
      (0..<half).map { stored[(part * rows + rows - 1) * one.dim + $0] }
    }
    #expect(distance(Array(found.table.suffix(2 * half)), last) <= 1e-12)
  }

  @Test("gradients in float32 are near those of the official layer", arguments: Case.all)
  func rounded(one: Case) throws {
    let file = try StoredTensors("training/clex.safetensors")
    let place = "\(one.name)/t\(one.time)_s\(one.share)/"
    let found = try gradients(one, Float.self)
    #expect(distance(found.up, try file.doubles(place + "grad_up")) <= 1e-4)
    #expect(distance(found.down, try file.doubles(place + "grad_down")) <= 1e-4)
    #expect(distance(found.start, try file.doubles(place + "grad_inv_freq")) <= 1e-4)
  }

  // MARK: Training

  private struct Trajectory {
    var losses: [Double] = []
    var norms: [Double] = []
    /// The projections after some steps.
    var up: [Int: [Double]] = [:]
    var down: [Int: [Double]] = [:]
    var weights: [String: [Double]] = [:]
    /// The weights before the first step.
    var start: [String: [Double]] = [:]
  }

  /// Trains the first layer of the model `base` with the golden draws.
  private func train<S: NetworkScalar>(
    _ part: TrainedPart, _: S.Type, usesSegments: Bool = false,
    optimizer: any Optimizer = Adam(), rate: Double? = nil, projectionClip: Double? = nil,
    stepCount: Int = 10
  ) throws -> Trajectory {
    let file = try StoredTensors("training/clex.safetensors")
    let length = try file.shape("positions")[1]
    let times = try file.integers("t")
    let positions = try file.integers("positions").map { Double($0) }
    let draws = CLEXDraws.given(
      times: times,
      positions: times.indices.map { Array(positions[$0 * length..<($0 + 1) * length]) })
    let inverse = try file.tensor("inv_freq").bytes().floats
    let up = try file.tensor("start/up").bytes().floats
    let layer = CLEXLayer(inverse: inverse, up: up, down: up.map { _ in 0 })
    var fit = CLEXFitSettings(
      CLEXParameters(maximumFactor: 4, activation: .tanh, step: 0.1), trainedLength: 256,
      layer: layer, draws: draws)
    fit.clip = projectionClip
    var recipe = TrainingRecipe(.steps(stepCount))
    recipe.optimizer = optimizer
    if part == .weights { recipe.clip = 1 }
    let text = String(decoding: try Fixtures.bytes("models/base/config.json"), as: UTF8.self)
      .replacing("\"num_hidden_layers\": 4", with: "\"num_hidden_layers\": 1")
    let model = try ModelConfigurationFile(text: Array(text.utf8)).configuration()
    let compute = try OpenBLAS.compute()
    let trainer = try Trainer<S>(
      Containers.read(Fixtures.path("models/base")), model, recipe, part: part, fit: fit, compute)
    trainer.usesSegments = usesSegments
    let data = TokenExamples(
      rows: try file.integers("tokens").map { Int32($0) }, length: length + 1)
    var result = Trajectory()
    let rotation = try #require(trainer.rotation)
    for parameter in trainer.parameters {
      result.start[parameter.name] = parameter.value.numbers.map { Double($0) }
    }
    for step in 0..<stepCount {
      let batch: Batch<S> = data.batch([2 * step, 2 * step + 1], in: compute.arena)
      let outcome = try trainer.step(
        batch, number: step + 1, rate: rate ?? (part == .weights ? 2e-4 : 1e-3))
      result.losses.append(outcome.score.loss)
      result.norms.append(outcome.norm)
      result.up[step + 1] = rotation.up.value.numbers.map { Double($0) }
      result.down[step + 1] = rotation.down.value.numbers.map { Double($0) }
    }
    for parameter in trainer.parameters {
      result.weights[parameter.name] = parameter.value.numbers.map { Double($0) }
    }
    return result
  }

  @Test("ten steps of the projections alone equal those of torch, in float64")
  func projections() throws {
    let file = try StoredTensors("training/clex.safetensors")
    let result = try train(.frequencies, Double.self)
    #expect(distance(result.losses, try file.doubles("projections/loss")) <= 1e-11)
    #expect(distance(result.norms, try file.doubles("projections/grad_norm")) <= 1e-9)
    #expect(distance(result.up[5] ?? [], try file.doubles("projections/step5/up")) <= 1e-9)
    #expect(distance(result.up[10] ?? [], try file.doubles("projections/step10/up")) <= 1e-9)
    #expect(distance(result.down[10] ?? [], try file.doubles("projections/step10/down")) <= 1e-9)
  }

  @Test("ten steps of projections and weights equal those of torch, in float64")
  func weights() throws {
    let file = try StoredTensors("training/clex.safetensors")
    let result = try train(.weights, Double.self)
    #expect(distance(result.losses, try file.doubles("all/loss")) <= 1e-11)
    #expect(distance(result.norms, try file.doubles("all/grad_norm")) <= 1e-9)
    #expect(distance(result.up[10] ?? [], try file.doubles("all/step10/up")) <= 1e-9)
    #expect(distance(result.down[10] ?? [], try file.doubles("all/step10/down")) <= 1e-9)
    let name = "model.norm.weight"
    #expect(distance(result.weights[name] ?? [], try file.doubles("all/step10/" + name)) <= 1e-9)
  }

  @Test("a limit of their own keeps the gradients of projections out of the norm of the others")
  func limits() throws {
    func change(_ isIncluded: (String) -> Bool, _ result: Trajectory) -> Double {
      result.weights.filter { isIncluded($0.key) }.reduce(0) { sum, weight in
        zip(weight.value, result.start[weight.key] ?? []).reduce(sum) {
          $0 + ($1.0 - $1.1) * ($1.0 - $1.1)
        }
      }.squareRoot()
    }
    // A step of plain descent moves each part by the rate times the norm of its gradients, which are above both limits.
    let apart = try train(
      .weights, Double.self, optimizer: SGD(), rate: 1, projectionClip: 1e-3, stepCount: 1)
    let isProjection = { (name: String) in name.contains("clex_layer") }
    #expect(abs(change(isProjection, apart) - 1e-3) <= 1e-8)
    #expect(abs(change({ !isProjection($0) }, apart) - 1) <= 1e-5)
    let together = try train(.weights, Double.self, optimizer: SGD(), rate: 1, stepCount: 1)
    #expect(change({ !isProjection($0) }, together) < 0.999)
    #expect(abs(change({ _ in true }, together) - 1) <= 1e-5)
  }

  @Test("ten steps in float32 stay near those in float64") func precision() throws {
    let file = try StoredTensors("training/clex.safetensors")
    let all = try train(.weights, Float.self)
    #expect(distance(all.losses, try file.doubles("all/loss")) <= 1e-5)
    #expect(distance(all.down[10] ?? [], try file.doubles("all/step10/down")) <= 1e-4)
    let alone = try train(.frequencies, Float.self)
    #expect(distance(alone.losses, try file.doubles("projections/loss")) <= 1e-5)
    #expect(distance(alone.down[10] ?? [], try file.doubles("projections/step10/down")) <= 1e-3)
  }

  @Test("segments change no bit of a fit", arguments: [TrainedPart.frequencies, .weights])
  func segments(part: TrainedPart) throws {
    let whole = try train(part, Float.self)
    let parts = try train(part, Float.self, usesSegments: true)
    #expect(parts.losses == whole.losses && parts.norms == whole.norms)
    #expect(parts.up == whole.up && parts.down == whole.down)
  }

  @Test(
    "drawn positions are sorted, distinct, and reach from the first to the last",
    arguments: [(64, 1, 64), (64, 8, 64), (64, 3, 256), (128, 4, 64)])
  func draws(count: Int, time: Int, length: Int) {
    let draws = CLEXDraws.random(seed: 7)
    let positions = draws.positions(
      ofStep: 3, time: time, count: count, trainedLength: length)
    let share = max(1, count / length)
    #expect(positions.count == count)
    #expect(positions.first == 0 && positions.last == Double(count * time / share - 1))
    #expect(zip(positions, positions.dropFirst().dropLast()).allSatisfy { $0 < $1 })
    if time == 1, share == 1 { #expect(positions == (0..<count).map { Double($0) }) }
    if time > 1 {
      let other = draws.positions(ofStep: 4, time: time, count: count, trainedLength: length)
      #expect(other != positions)
    }
    #expect((0..<200).allSatisfy { (1...8).contains(draws.time(ofStep: $0, maximum: 8)) })
    #expect(Set((0..<200).map { draws.time(ofStep: $0, maximum: 8) }).count == 8)
  }
}
