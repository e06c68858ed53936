import AdaMerging
import Base
import Checkpoints
import Coefficients
import Containers
import Examples
import Foundation
import Models
import TensorCore
import TestSupport
import Testing

/// Trajectories in float64 beside those of torch, of folders in the form that Tests/Peers/coefficients.py describes:
/// `SUMAC_ADAMERGING=FOLDER SUMAC_ADAMERGING_TEXT=LANGUAGE swift test --filter GoldenFolderTests`.
@Suite(.needsOpenBLAS) struct GoldenFolderTests {
  private static let folder = ProcessInfo.processInfo.environment["SUMAC_ADAMERGING"]
  private static let language = ProcessInfo.processInfo.environment["SUMAC_ADAMERGING_TEXT"]

  /// A trajectory of an encoder.
  struct Run: Sendable, CustomTestStringConvertible {
    var model: String
    var variant: String
    var grouping = MergeCoefficients.Grouping.tensor
    var ties: Double?
    var rate = 1e-3
    var testDescription: String { "\(model) \(variant)" }

    static func all(_ model: String) -> [Run] {
      [
        Run(model: model, variant: "task", grouping: .task), Run(model: model, variant: "layer"),
        Run(model: model, variant: "taskpp", grouping: .task, ties: 0.2),
        Run(model: model, variant: "layerpp", ties: 0.2),
        Run(model: model, variant: "clamp_lr0.05_layer", rate: 0.05),
      ]
    }
  }

  private struct Meta: Decodable {
    struct Model: Decodable { var namesInOrder: [String] }
    var tasks: [String]
    var models: [String: Model]
  }

  private static func decoded<T: Decodable>(_ type: T.Type, _ path: String) throws -> T {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(type, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  private static func configuration(_ model: String) -> ModelConfiguration {
    func numbers(_ values: [String: Int]) -> JSONObject {
      var object = JSONObject()
      for (name, value) in values { object[name] = JSONValue(value) }
      return object
    }
    guard model == "vit" else {
      var object = numbers(["num_labels": 16])
      object["model_type"] = .string("mlp_encoder")
      object["input_shape"] = .array([JSONValue(64)])
      object["hidden_sizes"] = .array([JSONValue(48), JSONValue(32)])
      return ModelConfiguration(object)
    }
    var object = numbers([
      "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
      "num_attention_heads": 4, "num_channels": 3, "image_size": 8, "patch_size": 2,
      "projection_dim": 16,
    ])
    object["model_type"] = .string("clip_vision_model")
    object["hidden_act"] = .string("quick_gelu")
    object["layer_norm_eps"] = JSONValue(1e-5)
    return ModelConfiguration(object)
  }

  private static func example(_ run: Run, _ meta: Meta, _ folder: String) throws -> LearnedExample {
    func path(_ name: String) -> String { "\(folder)/\(run.model)/\(name).safetensors" }
    let (pool, heads) = (
      try StoredTensors(path: path("pool")), try StoredTensors(path: path("heads"))
    )
    let tasks = try meta.tasks.map { name in
      let (images, weight) = (try pool.tensor(name), try heads.tensor(name + ".weight"))
      let shape = weight.info.shape.dimensions
      return LearningTask(
        name,
        LabelledExamples(
          .floats(try pool.floats(name)),
          labels: Array(repeating: -100, count: images.info.shape.dimensions[0]),
          shape: Array(images.info.shape.dimensions.dropFirst()), scaling: InputScaling()),
        hasLabels: false,
        head: LearningTask.Head(
          classCount: shape[0], width: shape[1], weight: try heads.floats(name + ".weight"),
          bias: try heads.floats(name + ".bias")))
    }
    var recipe = CoefficientRecipe()
    (recipe.stepCount, recipe.rate) = (50, run.rate)
    let trajectory = try StoredTensors(path: path("trajectory"))
    var example = try LearnedExample(
      base: path("base"), meta.tasks.map { path("ft_" + $0) }, ties: run.ties,
      configuration(run.model), tasks,
      .given(
        try trajectory.integers("batch_indices"), taskCount: meta.tasks.count, exampleCount: 32),
      recipe, read: { try Containers.read($0) })
    example.grouping = run.grouping
    return example
  }

  @Test(
    "coefficients of encoders stay within 1e-9 of those of torch",
    .enabled(if: folder != nil, "SUMAC_ADAMERGING names no folder"),
    arguments: Run.all("mlp") + Run.all("vit"))
  func encoders(run: Run) throws {
    let folder = try #require(Self.folder)
    let meta = try Self.decoded(Meta.self, folder + "/meta.json")
    let golden = try StoredTensors(path: "\(folder)/\(run.model)/trajectory.safetensors")
    let names = try #require(meta.models[run.model]?.namesInOrder)
    let rows = run.grouping == .task ? [names[0]] : names
    let found = try Self.example(run, meta, folder).trajectory(Double.self, names: rows)
    let raw = try golden.doubles(run.variant + ".lambda_raw")
    let values = try golden.doubles(run.variant + ".entropy")
    // The true gradient of the bias of keys is 0, so that its coefficients are noise.
    let width = meta.tasks.count
    let kept = raw.indices.filter {
      !(run.grouping == .tensor && rows[$0 / width % rows.count].hasSuffix("k_proj.bias"))
    }
    let distances = (
      distance(kept.map { found.raw[$0] }, kept.map { raw[$0] }), distance(found.values, values)
    )
    print("\(run.testDescription): coefficients \(distances.0), entropy \(distances.1)")
    #expect(distances.0 <= (run.rate > 1e-3 ? 5e-8 : 1e-9) && distances.1 <= 1e-9)
  }

  /// A trajectory of the language models of the fixtures.
  struct TextRun: Sendable, CustomTestStringConvertible {
    var variant: String
    var objective = CoefficientRecipe.Objective.loss
    var grouping = MergeCoefficients.Grouping.tensor
    var rate = 0.01
    var testDescription: String { variant }

    static let all = [
      TextRun(variant: "loss/task", grouping: .task), TextRun(variant: "loss/tensor"),
      TextRun(variant: "entropy/task", objective: .entropy, grouping: .task),
      TextRun(variant: "entropy/tensor", objective: .entropy),
      TextRun(variant: "loss/tensor_lr0.2", rate: 0.2),
    ]
  }

  private struct Names: Decodable { var namesInOrder: [String] }

  @Test(
    "coefficients of language models stay within 1e-9 of those of torch",
    .enabled(if: language != nil, "SUMAC_ADAMERGING_TEXT names no folder"),
    arguments: TextRun.all)
  func texts(run: TextRun) throws {
    let folder = try #require(Self.language)
    let names = try Self.decoded(Names.self, folder + "/adamerging_lm.json").namesInOrder
    let golden = try StoredTensors(path: folder + "/adamerging_lm.safetensors")
    let windows = try golden.integers("windows")
    let (steps, count, length) = (10, 2, 96)
    let tasks = ["poetry", "tech"].enumerated().map { task, name in
      let size = count * length
      var rows: [Int32] = []
      for step in 0..<steps {
        let start = (2 * step + task) * size
        rows += windows[start..<start + size]
      }
      return LearningTask(
        name, TokenExamples(rows: rows, length: length), hasLabels: false, head: nil)
    }
    var recipe = CoefficientRecipe()
    recipe.objective = run.objective
    (recipe.batchSize, recipe.batchCount) = (count, 1)
    (recipe.stepCount, recipe.rate) = (steps, run.rate)
    var draws: [Int32] = []
    for step in 0..<steps {
      for _ in 0..<2 { draws += (0..<count).map { Int32(step * count + $0) } }
    }
    let text = try Fixtures.bytes("models/base/config.json")
    var example = try LearnedExample(
      base: "models/base", ["models/poetry", "models/tech"], ties: nil,
      ModelConfigurationFile(text: text).configuration(), tasks,
      .given(draws, taskCount: 2, exampleCount: count), recipe)
    example.grouping = run.grouping
    let found = try example.trajectory(
      Double.self, names: run.grouping == .task ? [names[0]] : names)
    let (raw, values) = (
      try golden.doubles(run.variant + "/lambda_raw"), try golden.doubles(run.variant + "/value")
    )
    let distances = (distance(found.raw, raw), distance(found.values, values))
    print("\(run.variant): coefficients \(distances.0), objective \(distances.1)")
    #expect(distances.0 <= (run.rate > 0.01 ? 1e-7 : 1e-9))
    #expect(distances.1 <= (run.rate > 0.01 ? 1e-8 : 1e-11))
  }
}
