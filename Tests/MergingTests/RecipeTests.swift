import Base
import Merging
import Recipes
import TensorCore
import TestSupport
import Testing

/// Tests that recipes are read as mergekit reads them, and that faults are reported.
@Suite struct RecipeTests {
  static let cases = Fixtures.names(in: "merge/cases", suffix: ".yaml")

  private static func recipe(_ text: String) throws -> MergeRecipe {
    try MergeRecipeReader.recipe(RecipeFile.parse(text, path: "r.yaml"), path: "r.yaml")
  }

  private static func faults(_ text: String) -> [String] {
    do {
      _ = try recipe(text)
      return []
    } catch let errors as SeveralErrors {
      return errors.errors.map(\.description)
    } catch { return ["\(error)"] }
  }

  @Test("every stored recipe of mergekit is read", arguments: cases)
  func read(name: String) throws {
    let path = Fixtures.path("merge/cases/\(name)")
    let recipe = try MergeRecipeReader.recipe(RecipeFile.read(path), path: path)
    #expect(!recipe.method.isEmpty)
    #expect(!recipe.models.isEmpty)
  }

  /// Nine lists of nine aliases each, which expand to 9⁹ values.
  private static let bomb = (0..<9).map { level in
    let item = level == 0 ? "x" : "*a\(level - 1)"
    return "a\(level): &a\(level) [" + Array(repeating: item, count: 9).joined(separator: ",") + "]"
  }.joined(separator: "\n")

  @Test(
    "a number that is not finite is an error with its line and key",
    arguments: [
      (".inf", 5, "is infinite"), ("-.inf", 5, "is infinite"), (".nan", 5, "is NaN"),
      ("'inf'", 5, "is infinite"), ("'NaN'", 5, "is NaN"), ("1e999", 5, "is infinite"),
      ("[1, .nan]", 5, "has a value that is NaN"),
      ("[1,\n        -.inf]", 6, "has a value that is infinite"),
      ("[{filter: mlp, value: .inf}, {value: 1}]", 5, "is infinite"),
    ])
  func nonfinite(value: String, line: Int, reason: String) {
    let faults = Self.faults(
      """
      merge_method: linear
      models:
        - model: a
          parameters:
            weight: \(value)
      """)
    #expect(faults == ["r.yaml: line \(line): 'weight' \(reason), expected a finite number"])
  }

  @Test("there are recipes") func count() { #expect(Self.cases.count >= 30) }

  @Test("filters, gradients and scopes produce the values of mergekit")
  func parameters() throws {
    let recipe = try Self.recipe(
      """
      merge_method: ties
      base_model: ./base
      models:
        - model: ./a
          parameters:
            density:
              - filter: mlp
                value: [1, 0.7, 0.1]
              - filter: embed_tokens
                value: 1e-1
              - value: 0.4
            weight: 1
        - ./b
      parameters: {normalize: false, int8_mask: on}
      dtype: float32
      out_dtype: bfloat16
      """)
    #expect(recipe.models == ["./a", "./b", "./base"])
    #expect(recipe.dtype == .f32 && recipe.outDType == .bf16)
    guard case .models(let sources)? = recipe.parts else {
      Issue.record("models were not read")
      return
    }
    let density = sources[0].parameters
    func value(_ tensor: String, _ position: Double) -> Double? {
      density.value("density", tensor: tensor, position: position)?.asNumber
    }
    #expect(value("model.layers.0.mlp.up_proj.weight", 0) == 1)
    #expect(value("model.layers.1.mlp.up_proj.weight", 0.5) == 0.7)
    #expect(abs(value("model.layers.1.mlp.up_proj.weight", 0.75)! - 0.4) < 1e-12)
    #expect(value("model.layers.3.mlp.up_proj.weight", 1) == 0.1)
    #expect(value("model.embed_tokens.weight", 0) == 0.1)
    #expect(value("lm_head.weight", 0) == 0.4)
    #expect(density.value("lambda", tensor: "x", position: 0) == nil)
    #expect(sources[1].parameters == MergeParameters())
    #expect(
      recipe.parameters.value("normalize", tensor: "x", position: 0)?.asBool == false)
    #expect(recipe.parameters.value("int8_mask", tensor: "x", position: 1)?.asBool == true)
  }

  @Test("slices contain their sources with layers")
  func slices() throws {
    let recipe = try Self.recipe(
      """
      merge_method: passthrough
      slices:
        - sources:
            - {model: a, layer_range: [0, 3]}
        - sources:
            - model: b
              layer_range: [1, 2]
              parameters: {scale: 0.5}
          base_model: c
      """)
    guard case .slices(let slices)? = recipe.parts else {
      Issue.record("slices were not read")
      return
    }
    #expect(slices.map { $0.sources[0].layers } == [0..<3, 1..<2])
    #expect(slices[1].base == "c")
    #expect(recipe.models == ["a", "b", "c"])
  }

  @Test("all faults are reported together, each with its line and the nearest key")
  func faults() {
    let found = Self.faults(
      """
      merge_metod: ties
      base_model: [1]
      modles: []
      dtype: float8
      parameters:
        weight: {value: x}
      slices:
        - sources:
            - {model: a, layer_range: [0, 2]}
            - {model: b, layer_range: [2, 3]}
        - {}
      """)
    let expected = [
      "line 1: the recipe has no key 'merge_metod'", "line 3: the recipe has no key 'modles'",
      "merge_method is missing", "line 2: a model is a list, expected its path",
      "the sources of a slice have 1 and 2 layers", "a slice has no sources",
      "'weight' is a text, expected a number", "line 4: dtype 'float8' is not supported",
    ]
    for text in expected {
      #expect(found.contains { $0.contains(text) }, "\(text) in \(found)")
    }
    #expect(found.count == expected.count)
  }

  private static func hints(_ text: String) -> [String] {
    do {
      _ = try recipe(text)
      return []
    } catch let errors as SeveralErrors {
      return errors.errors.map { $0.hint?.description ?? "" }
    } catch { return [(error as? any UserError)?.hint?.description ?? ""] }
  }

  @Test(
    "the hint of an unknown key says where it belongs",
    arguments: [
      ("normalize: true", "put 'normalize' under parameters"),
      ("paramters: {}", "did you mean 'parameters'?"),
      ("modells: &a []", "did you mean 'models'?"),
      ("normalise: true", "did you mean 'normalize' under parameters?"),
      ("xyz: 1", "the keys are: merge_method, base_model, models"),
    ])
  func unknownKeys(line: String, hint: String) {
    let found = Self.hints("merge_method: linear\nmodels: [a]\n\(line)")
    #expect(found.count == 1 && found[0].hasPrefix(hint), "\(found)")
  }

  @Test(
    "the hint of a key in the wrong place of a model names the place",
    arguments: [
      ("weight: 1", "put 'weight' under parameters"),
      ("dtype: float32", "put 'dtype' at the top level of the recipe"),
      ("layer_range: [0, 1]", "use slices, whose sources select layers"),
      ("modl: b", "did you mean 'model'?"),
    ])
  func misplacedKeys(key: String, hint: String) {
    #expect(Self.hints("merge_method: linear\nmodels:\n- model: a\n  \(key)") == [hint])
  }

  @Test("keys that hold anchors, empty lists, null and quoted numbers are read as in mergekit")
  func dialect() throws {
    let recipe = try Self.recipe(
      """
      common: &common
        weight: "0.5"
        density: 5e-1
      paths: [&first ./a, &second ./b]
      unused: &unused 1
      merge_method: ties
      base_model: {model: {path: ./base, revision: main}, override_architecture: X}
      slices: []
      modules:
      dtype: torch.bfloat16
      out_dtype:
      chat_template:
      tokenizer: {source: base, tokens: {}}
      models:
        - model: *first
          parameters: {<<: *common, weight: 2}
        - model: {model: ./b, lora: ./c}
          parameters: *common
      """)
    #expect(recipe.models == ["./a", "./b+./c", "./base@main"])
    #expect(recipe.dtype == .bf16 && recipe.outDType == nil && recipe.tokenizer == .base)
    #expect(recipe.notes.count == 1 && recipe.notes[0].contains("override_architecture"))
    guard case .models(let sources)? = recipe.parts else {
      Issue.record("models were not read")
      return
    }
    let weights = sources.map {
      $0.parameters.value("weight", tensor: "x", position: 0)?.asNumber
    }
    #expect(weights == [2, 0.5])
  }

  @Test("a recipe written as YAML names a model and its adapter without their folders")
  func adapterName() throws {
    let recipe = try Self.recipe("merge_method: linear\nmodels: [dir/a+other/b, dir/c]")
    #expect(recipe.line == #"{"merge_method":"linear","models":[{"model":"a+b"},{"model":"c"}]}"#)
  }

  @Test("a base without a role is merged only if the recipe gives it a weight, with a note")
  func listedBase() throws {
    let shared = try Self.recipe(
      "merge_method: linear\nbase_model: c\nmodels: [a, b]\nparameters: {weight: 1}")
    guard case .models(let sources)? = shared.parts else {
      Issue.record("models were not read")
      return
    }
    #expect(sources.map(\.model) == ["a", "b", "c"])
    #expect(shared.notes.contains { $0.contains("c is merged as one more model") })
    let own = try Self.recipe(
      """
      merge_method: linear
      base_model: c
      models: [{model: a, parameters: {weight: 1}}]
      """)
    guard case .models(let sources)? = own.parts else {
      Issue.record("models were not read")
      return
    }
    #expect(sources.map(\.model) == ["a"] && own.notes.isEmpty)
  }

  @Test("the faults of a recipe and the sources of its aliases are bounded")
  func bounds() {
    let wrong = (0..<300).map { "- {model: a, x\($0): 1}" }.joined(separator: "\n")
    let found = Self.faults("merge_method: linear\nmodels:\n\(wrong)")
    #expect(found.count == 101)
    #expect(found.last == "r.yaml: 200 more faults not shown")
    let slices = "[" + Array(repeating: "*s", count: 20_000).joined(separator: ",") + "]"
    let bomb = Self.faults(
      "x: &s {sources: [{model: a, layer_range: [0, 1]}]}\nmerge_method: passthrough\nslices: \(slices)"
    )
    #expect(bomb == ["r.yaml: line 3: slices has 20,000 entries, the limit is 16,384"])
    let long = String(repeating: "k", count: 100_000)
    let names = "[" + Array(repeating: "*m", count: 500).joined(separator: ",") + "]"
    let messages = Self.faults(
      "x: &m {model: a, ? \(long) : 1}\nmerge_method: linear\nmodels: \(names)")
    #expect(messages.count == 101 && messages[0].contains("a model has no key 'kkk"))
    #expect(messages.joined().utf8.count < 100_000)
  }

  @Test(
    "files that are not recipes are refused",
    arguments: [
      "", "a: [1", "a: 1\na: 2", "- 1", "*x", "? [1]\n: 2",
      String(repeating: "[", count: 100) + String(repeating: "]", count: 100),
      String(repeating: "[", count: 1_000_000),
      bomb,
      "merge_method: linear\nmodels: [{model: a, parameters: {weight: .nan}}]",
      "merge_method: linear", "merge_method: linear\nmodels: [a]\nslices: [b]",
    ])
  func malformed(text: String) {
    #expect(throws: (any Error).self) { try Self.recipe(text) }
  }
}
