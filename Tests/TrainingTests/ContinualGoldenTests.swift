import Base
import Checkpoints
import Containers
import Examples
import Foundation
import Models
import Networks
import SparCL
import TensorCore
import TestSupport
import Testing
import Training

/// A whole training of the authors' program, in a folder that `SUMAC_SPARCL_GOLDEN` names because it is too large for the
/// fixtures: `sparcl.safetensors`, `sparcl.json`, `weights_f64.safetensors` and `weights_f32.safetensors`.
@Suite(
  .needsOpenBLAS,
  .enabled(if: ContinualGolden.folder != nil, "SUMAC_SPARCL_GOLDEN names no folder"))
struct ContinualGoldenTests {
  @Test("a training of two tasks equals that of the authors' program, in float64") func exact()
    throws
  {
    let golden = try ContinualGolden()
    let run = try golden.run(Double.self, stepCount: .max)
    let losses = try golden.file.doubles("f64/loss")
    #expect(run.losses.count == losses.count)
    #expect(zip(run.losses, losses).allSatisfy { abs($0 - $1) <= 1e-10 })
    #expect(try golden.differingMasks(run.masks, "f64") == [])
    #expect(try golden.differingGradientMasks(run.gradientMasks) == [])
    for (index, counts) in run.counts.enumerated() {
      let expected = try golden.file.integers("f64/removal/\(index)/counts")
      #expect(counts.sorted() == expected.sorted(), "removal \(index)")
    }
    #expect(run.counts.count == 4)
    #expect(run.remaining == (try golden.remaining("f64")))
    #expect(run.accuracies == golden.accuracies("f64"))
    let weights = try StoredTensors(path: golden.path + "/weights_f64.safetensors")
    for step in ["step1", "step20", "end"] {
      #expect(try golden.largestDistance(run.weights[step] ?? [:], weights, step) <= 1e-10)
    }
  }

  @Test("the first steps in float32 stay near those of the authors' program") func rounded() throws
  {
    let golden = try ContinualGolden()
    let run = try golden.run(Float.self, stepCount: 60)
    let losses = try golden.losses("f32")
    #expect(run.losses.count == 60)
    #expect(zip(run.losses, losses).prefix(20).allSatisfy { abs($0 - $1) <= 1e-5 })
    #expect(try golden.differingMasks(Array(run.masks.prefix(2)), "f32") == [])
    let weights = try StoredTensors(path: golden.path + "/weights_f32.safetensors")
    #expect(try golden.largestDistance(run.weights["step20"] ?? [:], weights, "step20") <= 1e-5)
  }
}

/// The golden training, and a replay of it.
struct ContinualGolden {
  static let folder = ProcessInfo.processInfo.environment["SUMAC_SPARCL_GOLDEN"]

  let path: String
  let file: StoredTensors
  private let json: JSONValue

  struct Run {
    var losses: [Double] = []
    var masks: [[String: [Bool]]] = []
    var gradientMasks: [[String: [Bool]]] = []
    var counts: [[Int]] = []
    var remaining: [[Int]] = []
    var accuracies: [[Double]] = []
    var weights: [String: [String: [Double]]] = [:]
  }

  init() throws {
    path = Self.folder ?? ""
    file = try StoredTensors(path: path + "/sparcl.safetensors")
    let text = try Data(contentsOf: URL(fileURLWithPath: path + "/sparcl.json"))
    json = try JSONValue.parse(Array(text).span)
  }

  // MARK: Inputs

  private static func own(_ name: String) -> String {
    name.replacing("shortcut", with: "downsample").replacing("linear.", with: "fc.")
  }

  private func setting(_ name: String) -> Double { json["settings"]?[name]?.asDouble ?? 0 }
  private func count(_ name: String) -> Int { json["settings"]?[name]?.asInt ?? 0 }

  private func list(_ name: String) -> [Double] {
    (json["settings"]?[name]?.asString ?? "").split(separator: "-").compactMap { Double($0) }
  }

  private var recipe: ContinualRecipe {
    let classCount = count("classes") / count("tasks")
    let layers = json["profile_layers"]?.asArray?.compactMap(\.asString) ?? []
    let lower = list("lower")
    var recipe = ContinualRecipe(
      tasks: (0..<count("tasks")).map { task in
        (0..<classCount).map { task * classCount + $0 }
      }, epochs: count("epochs_per_task"), layers: Set(layers), sparsity: lower[0],
      schedule: MaskSchedule(
        lower: lower, upper: list("upper"), changes: list("change_epochs").map { Int($0) },
        interval: count("mask_update_every")))
    recipe.importanceFactor = setting("importance_lambda")
    recipe.gradientSparsity = setting("gradient_sparsity")
    recipe.gradientInterval = count("gradient_mask_every")
    recipe.bufferSize = count("buffer")
    recipe.logitWeight = setting("logit_weight")
    recipe.labelWeight = setting("label_weight")
    let rounds = json["settings"]?["removal_epochs"]?.asArray?.compactMap(\.asInt) ?? []
    recipe.removal = .count(count("remove_per_round") * rounds.count)
    recipe.removalEnd = rounds.last ?? 0
    return recipe
  }

  private func draws(_ precision: String) throws -> ContinualDraws {
    var given = ContinualDraws.Given(path: path)
    let epochs = file.names.count { $0.hasPrefix("draws/permutation/") }
    given.orders = try (0..<epochs).map { try file.integers("draws/permutation/\($0)") }
    let (choices, width) = (
      try file.integers("draws/buffer_choice"), try file.shape("draws/buffer_choice")[1]
    )
    given.choices = stride(from: 0, to: choices.count, by: width).map {
      Array(choices[$0..<$0 + width])
    }
    given.reservoir = try file.integers("draws/reservoir")
    let updates = json["update_epochs"]?.asArray?.count ?? 0
    for update in 0..<updates {
      var grown: [String: [Int]] = [:]
      for name in recipe.layers {
        guard let tensor = stored("update/\(update)/grown/\(name)", precision) else { continue }
        grown[name] = try file.integers(tensor)
      }
      given.grown.append(grown)
    }
    let removals = file.names.count { $0.hasPrefix("f64/removal/") && $0.hasSuffix("/order") }
    given.removals = try (0..<removals).compactMap { index in
      try stored("removal/\(index)/order", precision).map { try file.integers($0) }
    }
    return ContinualDraws(seed: 0, given: given)
  }

  /// Returns the name of a tensor of a precision; that of float64 stands for an equal one of float32.
  private func stored(_ name: String, _ precision: String) -> String? {
    [precision, "f64"].map { $0 + "/" + name }.first { file.names.contains($0) }
  }

  private func data(_ name: String) throws -> LabelledExamples {
    var scaling = InputScaling()
    (scaling.divisor, scaling.mean, scaling.deviation) = (256, [0.5], [0.5])
    return LabelledExamples(
      .bytes(try file.tensor(name + "_images").bytes()),
      labels: try file.integers(name + "_class").map { Int32($0) },
      shape: Array(try file.shape(name + "_images").dropFirst()), scaling: scaling)
  }

  private func checkpoint() throws -> Checkpoint {
    var checkpoint = file.checkpoint
    checkpoint.tensors = try checkpoint.tensors.filter { $0.name.hasPrefix("init/") }.map {
      let name = Self.own(String($0.name.dropFirst("init/".count)))
      let info = try TensorInfo(name: name, dtype: $0.info.dtype, shape: $0.info.shape)
      return LazyTensor(info: info, source: $0.source, stored: $0.stored)
    }
    return checkpoint
  }

  // MARK: Run

  func run<S: NetworkScalar>(_: S.Type, stepCount: Int) throws -> Run {
    let compute = try OpenBLAS.compute()
    let width = count("width")
    let shape = try file.shape("train_images").dropFirst()
    let model = try ModelConfigurationFile(
      text: Array(
        """
        {"model_type": "basic_resnet", "input_shape": \(Array(shape)), "depths": [2, 2, 2, 2],
         "hidden_sizes": \((0..<4).map { width << $0 }), "num_labels": \(count("classes"))}
        """.utf8)
    ).configuration()
    var training = TrainingRecipe(.epochs(recipe.epochs))
    training.batch = count("batch")
    training.optimizer = SGD()
    let trainer = try Trainer<S>(try checkpoint(), model, training, compute)
    let learner = ContinualLearner<S>(
      trainer, recipe, try data("train"), try draws(S.self == Double.self ? "f64" : "f32"))
    try learner.prune()
    let test = try data("test")
    var run = Run()
    while !learner.isDone, learner.state.step < stepCount {
      let start = try learner.beginEpoch()
      if !start.changes.isEmpty {
        run.masks.append(learner.state.masks.filter { recipe.layers.contains($0.key) })
      }
      if !start.removed.isEmpty { run.counts.append(start.counts.map(\.count)) }
      run.remaining.append(learner.state.remaining)
      for batch in 0..<learner.batchCount where learner.state.step < stepCount {
        run.losses.append(try learner.step(rate: setting("lr")).loss)
        if batch % count("gradient_mask_every") == 0 {
          run.gradientMasks.append(learner.state.gradientMasks)
        }
        if [1, 20].contains(learner.state.step) {
          run.weights["step\(learner.state.step)"] = weights(trainer)
        }
      }
      let found = try learner.accuracies(on: test, tasks: learner.state.task + 1)
      let shares =
        found.map { 100 * $0.share }
        + Array(repeating: 0, count: recipe.tasks.count - found.count)
        + found.map { 100 * $0.shareInTask }
        + Array(repeating: 0, count: recipe.tasks.count - found.count)
      run.accuracies.append(shares)
      learner.endEpoch()
    }
    run.weights["end"] = weights(trainer)
    return run
  }

  private func weights<S: NetworkScalar>(_ trainer: Trainer<S>) -> [String: [Double]] {
    var result: [String: [Double]] = [:]
    for parameter in trainer.parameters + trainer.statistics {
      result[parameter.name] = parameter.value.numbers.map { Double($0) }
    }
    return result
  }

  // MARK: Expected

  func losses(_ precision: String) throws -> [Double] { try file.doubles(precision + "/loss") }

  func remaining(_ precision: String) throws -> [[Int]] {
    let epochs = file.names.count { $0.hasPrefix("draws/permutation/") }
    return try (0..<epochs).map {
      try file.integers(stored("epoch/\($0)/train_indx", precision) ?? "")
    }
  }

  func accuracies(_ precision: String) -> [[Double]] {
    func rows(_ key: String) -> [[Double]] {
      json[precision]?[key]?.asArray?.map { $0.asArray?.compactMap(\.asDouble) ?? [] } ?? []
    }
    return zip(rows("accuracy"), rows("task_accuracy")).map { $0 + $1 }
  }

  private func differences(
    _ masks: [[String: [Bool]]], _ name: (Int, String) -> String?
  ) throws -> [String] {
    try masks.indices.flatMap { index in
      try recipe.layers.sorted().compactMap { layer in
        guard let stored = name(index, layer) else { return nil }
        let expected = try file.integers(stored).map { $0 != 0 }
        return masks[index][layer] == expected ? nil : stored
      }
    }
  }

  func differingMasks(_ masks: [[String: [Bool]]], _ precision: String) throws -> [String] {
    try differences(masks) { stored("update/\($0)/mask/\($1)", precision) }
  }

  func differingGradientMasks(_ masks: [[String: [Bool]]]) throws -> [String] {
    try differences(Array(masks.prefix(3))) { stored("gradient_mask/\($0)/\($1)", "f64") }
  }

  /// The largest distance of a tensor, relative to its largest number.
  func largestDistance(
    _ found: [String: [Double]], _ expected: StoredTensors, _ step: String
  ) throws -> Double {
    let names = expected.names.filter { $0.hasPrefix(step + "/") }
    guard names.count >= 60 else { return .infinity }
    return try names.map { name in
      let tensor = try expected.tensor(name)
      let bytes = try tensor.bytes()
      let numbers =
        tensor.info.dtype == .f64 ? bytes.doubles : bytes.floats.map { Double($0) }
      return distance(
        found[Self.own(String(name.dropFirst(step.count + 1)))] ?? [], numbers)
    }.max() ?? .infinity
  }
}
