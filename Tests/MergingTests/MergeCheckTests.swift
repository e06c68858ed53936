import Base
import Checkpoints
import Coefficients
import Merging
import Models
import PackedFormat
import Recipes
import TensorCore
import TestSupport
import Testing

/// Tests the errors and notes of a merge, and merges of models whose tensors do not match exactly.
@Suite struct MergeCheckTests {
  static func checkpoint(
    _ name: String, _ tensors: [LazyTensor], config: String? = nil
  ) throws -> Checkpoint {
    let checkpoint = Checkpoint(
      path: name, container: .memory, tensors: tensors,
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
    return try config.map {
      try checkpoint.replacingCompanion(ModelConfig.name, with: Array($0.utf8))
    } ?? checkpoint
  }

  static func tensor(
    _ name: String, _ dimensions: [Int], _ value: Float = 1
  ) throws -> LazyTensor {
    try .floats(name, dimensions, [Float](repeating: value, count: dimensions.reduce(1, *)))
  }

  static func merging(
    _ yaml: String, _ models: [Checkpoint], options: MergeOptions = MergeOptions()
  ) throws -> Merging {
    let recipe = try MergeRecipeReader.recipe(
      RecipeFile.parse(yaml, path: "r.yaml"), path: "r.yaml")
    return try Merging(
      recipe, models: Dictionary(uniqueKeysWithValues: models.map { ($0.path, $0) }),
      options: options)
  }

  static func messages(_ merging: Merging) -> String {
    merging.errors.map { error in
      let hint = error.hint?.text(.commandLine) ?? ""
      return "\(error.message.text(.commandLine)) (\(hint))"
    }.joined(separator: "\n")
  }

  private static let linear = "merge_method: linear\nmodels: [a, b]\nparameters: {weight: 1}"

  @Test("different vocabularies are reported with a remedy, or cut on request")
  func vocabulary() throws {
    let models = [
      try Self.checkpoint(
        "a",
        [
          Self.tensor("model.embed_tokens.weight", [5, 4]), Self.tensor("lm_head.weight", [5, 4]),
        ],
        config: #"{"vocab_size": 5, "nested": {"vocab_size": 5}, "hidden_size": 4}"#),
      try Self.checkpoint(
        "b",
        [
          Self.tensor("model.embed_tokens.weight", [3, 4], 3),
          Self.tensor("lm_head.weight", [3, 4], 3),
        ]),
    ]
    let refused = try Self.merging(Self.linear, models)
    #expect(Self.messages(refused).contains("--unsafe-truncate-embeddings"))
    #expect(Self.messages(refused).contains("[5, 4] in a, [3, 4] in b"))
    let merging = try Self.merging(
      Self.linear, models, options: MergeOptions(truncatesEmbeddings: true))
    #expect(merging.errors.isEmpty)
    let merged = try merging.surveyed(engine: .test())
    for tensor in merged.tensors {
      #expect(tensor.info.shape.dimensions == [3, 4])
      #expect(try tensor.bytes().floats == [Float](repeating: 2, count: 12))
    }
    let config = try #require(try merged.modelConfiguration()).root
    #expect(config["vocab_size"]?.asInt == 3 && config["nested"]?["vocab_size"]?.asInt == 3)
    #expect(config["hidden_size"]?.asInt == 4)
  }

  @Test("shapes that do not count a vocabulary are never cut")
  func shapes() throws {
    let models = [
      try Self.checkpoint("a", [Self.tensor("model.layers.0.mlp.weight", [5, 4])]),
      try Self.checkpoint("b", [Self.tensor("model.layers.0.mlp.weight", [3, 4])]),
    ]
    let merging = try Self.merging(
      Self.linear, models, options: MergeOptions(truncatesEmbeddings: true))
    #expect(Self.messages(merging).contains("--exclude 'model.layers.0.mlp.weight'"))
    let excluded = try Self.merging(
      Self.linear, models,
      options: MergeOptions(selection: Selection(rules: [.exclude(Glob("*mlp*"))])))
    #expect(excluded.errors.isEmpty)
    #expect(try excluded.surveyed(engine: .test()).tensors[0].info.shape.dimensions == [5, 4])
  }

  @Test("a missing head that is tied to the embeddings is read from the embeddings")
  func tiedHead() throws {
    let embeddings = "model.embed_tokens.weight"
    let a = try Self.checkpoint(
      "a", [Self.tensor(embeddings, [3, 2], 1), Self.tensor("lm_head.weight", [3, 2], 2)])
    let b = try Self.checkpoint(
      "b", [Self.tensor(embeddings, [3, 2], 4)], config: #"{"tie_word_embeddings": true}"#)
    let merging = try Self.merging(Self.linear, [a, b])
    #expect(merging.errors.isEmpty, "\(Self.messages(merging))")
    #expect(merging.notes.contains { $0.contains("b ties it to '\(embeddings)'") })
    let merged = try merging.surveyed(engine: .test())
    #expect(try merged.tensor("lm_head.weight").bytes().floats == [3, 3, 3, 3, 3, 3])
    let untied = try Self.checkpoint("b", [Self.tensor(embeddings, [3, 2], 4)])
    let refused = try Self.merging(Self.linear, [a, untied])
    #expect(Self.messages(refused).contains("b has no 'lm_head.weight'"))
  }

  @Test("tensors that are not floats are copied if all models agree, and refused otherwise")
  func integers() throws {
    func model(_ name: String, _ bytes: [UInt8]) throws -> Checkpoint {
      let info = try TensorInfo(name: "positions", dtype: .i64, shape: Shape([bytes.count / 8]))
      let tensor = LazyTensor(
        info: info, source: MemoryTensorSource(info: info, values: bytes),
        stored: StoredForm(file: name, byteOffset: 0, byteCount: bytes.count, dtype: .i64))
      return try Self.checkpoint(name, [tensor, Self.tensor("w.weight", [2, 2])])
    }
    let bytes = [UInt8](repeating: 3, count: 16)
    let same = try Self.merging(Self.linear, [model("a", bytes), model("b", bytes)])
    #expect(
      same.errors.isEmpty
        && same.notes.contains { $0.contains("copied without merging: 'positions'") })
    #expect(try same.surveyed(engine: .test()).tensor("positions").bytes() == bytes)
    var other = bytes
    other[9] = 4
    let differs = try Self.merging(Self.linear, [model("a", bytes), model("b", other)])
    #expect(throws: FormatError.self) { _ = try differs.surveyed(engine: .test()) }
    let short = try Self.merging(Self.linear, [model("a", bytes), model("b", Array(bytes[8...]))])
    #expect(Self.messages(short).contains("I64 [2] in a and I64 [1] in b"))
  }

  @Test("the output that was planned has the values that the survey found")
  func plannedOnce() throws {
    let values: [Float] = [1, -2, 3, -4, 5, -6, 7, -8]
    let models = [
      try Self.checkpoint("a", [.floats("w.weight", [2, 4], values)]),
      try Self.checkpoint("base", [Self.tensor("w.weight", [2, 4], 0)]),
    ]
    let merging = try Self.merging(
      """
      merge_method: ties
      base_model: base
      models: [{model: a, parameters: {weight: 1, density: 0.25}}]
      """, models)
    let output = try merging.output()
    #expect(try output.tensors[0].bytes().floats == values)
    try merging.survey(engine: .test())
    #expect(try output.tensors[0].bytes().floats == [0, 0, 0, 0, 0, 0, 7, -8])
  }

  @Test("modules merge parts of a model, and all other tensors are copied from the base")
  func modules() throws {
    func model(_ name: String, _ value: Float) throws -> Checkpoint {
      try Self.checkpoint(
        name,
        [
          Self.tensor("text.layers.0.weight", [2, 2], value),
          Self.tensor("vision.layers.0.weight", [2, 2], value), Self.tensor("bridge", [2], value),
        ])
    }
    let merging = try Self.merging(
      """
      merge_method: linear
      base_model: a
      modules:
        text: {models: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 3}}]}
        vision: {models: [{model: b, parameters: {weight: 1}}]}
      """, [try model("a", 0), try model("b", 4)])
    #expect(merging.errors.isEmpty, "\(Self.messages(merging))")
    let merged = try merging.surveyed(engine: .test())
    #expect(try merged.tensor("text.layers.0.weight").bytes().floats[0] == 3)
    #expect(try merged.tensor("vision.layers.0.weight").bytes().floats[0] == 4)
    #expect(try merged.tensor("bridge").bytes().floats[0] == 0)
    let wrong = try Self.merging(
      "merge_method: linear\nmodules: {audio: {models: [{model: a, parameters: {weight: 1}}]}}",
      [try model("a", 0)])
    #expect(Self.messages(wrong).contains("'audio.'"))
  }

  @Test("tensors of several dtypes are merged in the widest one, with a note")
  func dtypes() throws {
    let half = try Cast(to: .bf16).applied(
      to: Self.checkpoint("a", [Self.tensor("w.weight", [2, 2], 1)]))
    let full = try Self.checkpoint("b", [Self.tensor("w.weight", [2, 2], 2)])
    let merging = try Self.merging(Self.linear, [half, full])
    #expect(merging.notes.contains { $0.contains("BF16 and F32 are merged as F32") })
    let merged = try merging.surveyed(engine: .test())
    #expect(merged.tensors[0].info.dtype == .f32)
    #expect(try merged.tensors[0].bytes().floats == [1.5, 1.5, 1.5, 1.5])
  }

  @Test("a parameter that changes no value is accepted by every method")
  func withoutEffect() throws {
    let models = try ["a", "b"].map { try Self.checkpoint($0, [Self.tensor("w", [2])]) }
    let merging = try Self.merging(
      "merge_method: linear\nmodels: [a, b]\nparameters: {weight: 1, int8_mask: true}", models)
    #expect(merging.errors.isEmpty, "\(Self.messages(merging))")
    let other = try Self.merging(
      "merge_method: linear\nmodels: [a, b]\nparameters: {weight: 1, density: 1}", models)
    #expect(Self.messages(other).contains("linear has no parameter 'density'"))
  }

  @Test("a tensor that is an alias in all models stays an alias")
  func aliases() throws {
    func model(_ name: String, _ value: Float) throws -> Checkpoint {
      var head = try Self.tensor("lm_head.weight", [2, 2], value)
      head.aliasOf = "model.embed_tokens.weight"
      return try Self.checkpoint(
        name, [Self.tensor("model.embed_tokens.weight", [2, 2], value), head])
    }
    let models = [try model("a", 1), try model("b", 2)]
    let tied = try Self.merging(Self.linear, models).surveyed(engine: .test())
    #expect(try tied.tensor("lm_head.weight").aliasOf == "model.embed_tokens.weight")
    let parted = try Self.merging(
      """
      merge_method: linear
      models: [{model: a, parameters: {weight: [{filter: lm_head, value: 2}, {value: 1}]}}, {model: b, parameters: {weight: 1}}]
      """, models
    ).surveyed(engine: .test())
    #expect(try parted.tensor("lm_head.weight").aliasOf == nil)
  }

  // MARK: Coefficients

  private static let tasks = """
    merge_method: task_arithmetic
    base_model: base
    models: [a, b]
    """

  private static func models(_ names: [String]) throws -> [Checkpoint] {
    try [("base", 0), ("a", 1), ("b", 10)].map { model, value in
      try checkpoint(model, names.map { try tensor($0, [2, 2], Float(value)) })
    }
  }

  private static func table(_ yaml: String) throws -> MergeCoefficients {
    try MergeCoefficients(RecipeFile.parse(yaml, path: "c.yaml"), path: "c.yaml")
  }

  @Test(
    "each grouping selects the coefficients of a tensor",
    arguments: [
      ("grouping: task\ncoefficients: [0.5, 0.1]", [1.5, 1.5, 1.5]),
      ("grouping: task\nclamp: true\ncoefficients: {'*': [-3, 1.5]}", [10, 10, 10]),
      (
        "grouping: tensor\ncoefficients: {l.0.q_proj.weight: [1, 0], l.0.k_proj.weight: [0, 1], '*': [1, 1]}",
        [1, 10, 11]
      ),
      (
        "grouping: qkv\ncoefficients: {l.0.qkv_proj.weight: [0, 1], embed.weight: [1, 0]}",
        [10, 10, 1]
      ),
      (
        "grouping: qkv\ncoefficients: {l.0.in_proj_weight: [0, 1], embed.weight: [1, 0]}",
        [10, 10, 1]
      ),
      ("grouping: block\nmodels: [a, b]\ncoefficients: {l.0: [2, 0], embed: [0, 2]}", [2, 2, 20]),
      (
        "grouping: block\ncoefficients: {l.0: [2, 0], l.0.k_proj: [3, 0], '*': [0, 2]}", [2, 3, 20]
      ),
    ])
  func coefficients(yaml: String, wanted: [Float]) throws {
    let names = ["l.0.q_proj.weight", "l.0.k_proj.weight", "embed.weight"]
    let merging = try Self.merging(
      Self.tasks, Self.models(names), options: MergeOptions(coefficients: Self.table(yaml)))
    #expect(merging.errors.isEmpty, "\(Self.messages(merging))")
    let merged = try merging.surveyed(engine: .test())
    #expect(try names.map { try merged.tensor($0).bytes().floats[0] } == wanted)
  }

  @Test(
    "tables that do not fit the merge are reported",
    arguments: [
      ("grouping: tensor\ncoefficients: {x: [1, 1], '*': [1, 1]}", "no tensor uses the rows 'x'"),
      ("grouping: task\ncoefficients: [1]", "1 coefficient, but the merge has 2 models"),
      ("grouping: tensor\ncoefficients: {embed.weight: [1, 1]}", "needs 'weight' for a"),
      ("grouping: task\nmodels: [b, a]\ncoefficients: [1, 1]", "its models are b, a"),
    ])
  func wrongTables(yaml: String, reason: String) throws {
    let merging = try Self.merging(
      Self.tasks, Self.models(["l.0.weight", "embed.weight"]),
      options: MergeOptions(coefficients: Self.table(yaml)))
    #expect(Self.messages(merging).contains(reason), "\(Self.messages(merging))")
  }

  @Test(
    "coefficients that were learned for other ties are refused, and tables may state none",
    arguments: [
      ("task_arithmetic", "", "ties: 0.2", "learned --ties 0.2, but the merge is without --ties"),
      ("adamerging", "", "ties: 0.2", "learned --ties 0.2, but the merge is without --ties"),
      ("adamerging", "{ties: 0.3}", "ties: 0.2", "--ties 0.2, but the merge is --ties 0.3"),
      (
        "adamerging", "{ties: 0.2}", "ties: 1",
        "learned without --ties, but the merge is --ties 0.2"
      ),
      ("adamerging", "{ties: 0.2}", "ties: 0.2", nil), ("task_arithmetic", "", "ties: 1", nil),
      ("adamerging", "{ties: 0.2}", "", nil),
    ] as [(String, String, String, String?)])
  func ties(method: String, parameters: String, ties: String, reason: String?) throws {
    let recipe = """
      merge_method: \(method)
      base_model: base
      models: [a, b]
      \(parameters.isEmpty ? "" : "parameters: " + parameters)
      """
    let merging = try Self.merging(
      recipe, Self.models(["l.0.weight", "embed.weight"]),
      options: MergeOptions(
        coefficients: Self.table("grouping: task\n\(ties)\ncoefficients: [1, 1]")))
    if let reason {
      #expect(Self.messages(merging).contains(reason), "\(Self.messages(merging))")
    } else {
      #expect(merging.errors.isEmpty, "\(Self.messages(merging))")
    }
  }

  @Test(
    "files that are not tables are refused",
    arguments: [
      ("[1]", "expected a map"), ("coefficients: [1]", "grouping"),
      ("grouping: tesk\ncoefficients: [1]", "grouping is not known"),
      ("grouping: task\ncoeficients: [1]", "did you mean 'coefficients'"),
      ("grouping: task\ncoefficients: {'*': [x]}", "not a list of numbers"),
      ("grouping: task\nties: 2\ncoefficients: [1]", "ties is not a share"),
      ("grouping: task\ncoefficients: {a: [1]}", "one row"), ("grouping: task", "no coefficients"),
    ])
  func noTables(yaml: String, reason: String) {
    #expect {
      _ = try Self.table(yaml)
    } throws: { error in
      let errors = (error as? SeveralErrors)?.errors ?? [error as? any UserError].compactMap(\.self)
      return errors.contains { "\($0.description) \($0.hint ?? "")".contains(reason) }
    }
  }

  @Test("recipes written as YAML are read back unchanged", arguments: GoldenMerge.all)
  func yaml(golden: GoldenMerge) throws {
    let recipe = try golden.recipe()
    let again = try MergeRecipeReader.recipe(
      RecipeFile.parse(recipe.yaml, path: "again"), path: "again")
    #expect(again.yaml == recipe.yaml && again.line == recipe.line)
    #expect(again.method == recipe.method && again.models.count == recipe.models.count)
  }
}
