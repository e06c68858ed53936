import Base
import Recipes
import TensorCore

extension MergeRecipe {
  /// The recipe as YAML that this program and mergekit can read; models are named without their folders.
  package var yaml: String {
    var lines = ["merge_method: \(Self.text(method))"]
    if let base { lines.append("base_model: \(Self.name(base))") }
    if let parts { lines += Self.lines(parts) }
    if !modules.isEmpty {
      lines.append("modules:")
      for module in modules {
        lines.append("  \(Self.text(module.name)):")
        lines += (Self.lines(module.parts) + module.parameters.lines).map { "    " + $0 }
      }
    }
    lines += parameters.lines
    switch tokenizer {
    case .base: lines.append("tokenizer_source: base")
    case .union: lines.append("tokenizer_source: union")
    case .model(let model): lines.append("tokenizer_source: \(Self.name(model))")
    case nil: break
    }
    if let dtype, let name = Self.name(of: dtype) { lines.append("dtype: \(name)") }
    if let outDType, let name = Self.name(of: outDType) { lines.append("out_dtype: \(name)") }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The recipe on one line as JSON, which is also valid YAML.
  package var line: String {
    // Parsing the recipe's own YAML fails only if this program has a defect.
    guard let value = try? RecipeFile.parse(yaml, path: "") else { return yaml }
    return Self.json(value).serialized()
  }

  private static func json(_ value: RecipeValue) -> JSONValue {
    switch value.content {
    case .null: return .null
    case .bool(let flag): return .bool(flag)
    case .integer(let number): return JSONValue(number)
    case .number(let number): return JSONValue(number)
    case .string(let text): return .string(text)
    case .list(let list): return .array(list.map(json))
    case .map(let members):
      var object = JSONObject()
      for member in members { object[member.key] = json(member.value) }
      return .object(object)
    }
  }

  private static func name(of dtype: DType) -> String? {
    switch dtype {
    case .f16: "float16"
    case .bf16: "bfloat16"
    case .f32: "float32"
    case .f64: "float64"
    default: nil
    }
  }

  private static func lines(_ parts: Parts) -> [String] {
    switch parts {
    case .models(let sources): ["models:"] + sources.flatMap { lines($0).map { "  " + $0 } }
    case .slices(let slices):
      ["slices:"]
        + slices.flatMap { slice in
          var lines = ["  - sources:"]
          lines += slice.sources.flatMap { Self.lines($0).map { "      " + $0 } }
          if let base = slice.base { lines.append("    base_model: \(name(base))") }
          return lines + slice.parameters.lines.map { "    " + $0 }
        }
    }
  }

  private static func lines(_ source: Source) -> [String] {
    var lines = ["- model: \(name(source.model))"]
    if let layers = source.layers {
      lines.append("  layer_range: [\(layers.lowerBound), \(layers.upperBound)]")
    }
    return lines + source.parameters.lines.map { "  " + $0 }
  }

  /// Returns the name of a model, or of a model and its adapter: `MODEL+ADAPTER`.
  private static func name(_ model: String) -> String {
    guard let plus = model.lastIndex(of: "+") else { return text(FileSystem.ownName(of: model)) }
    let adapter = String(model[model.index(after: plus)...])
    return text(
      "\(FileSystem.ownName(of: String(model[..<plus])))+\(FileSystem.ownName(of: adapter))")
  }

  /// Returns a plain word unchanged, and any other text in quotes.
  static func text(_ text: String) -> String {
    let isPlain =
      text.first?.isLetter == true
      && text.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
      }
      && !["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(text.lowercased())
    return isPlain ? text : JSONValue.string(text).serialized()
  }
}

extension MergeParameters {
  /// The lines of the map `parameters`; empty if there are no parameters.
  fileprivate var lines: [String] {
    guard !choices.isEmpty else { return [] }
    return ["parameters:"]
      + names.flatMap { name -> [String] in
        let choices = choices[name] ?? []
        if choices.count == 1, choices[0].filter == nil {
          return ["  \(MergeRecipe.text(name)): \(choices[0].value.text)"]
        }
        return ["  \(MergeRecipe.text(name)):"]
          + choices.flatMap { choice in
            (choice.filter.map { ["    - filter: \(MergeRecipe.text($0))"] } ?? [])
              + [(choice.filter == nil ? "    - " : "      ") + "value: \(choice.value.text)"]
          }
      }
  }
}

extension MergeParameters.Value {
  fileprivate var text: String {
    func list(_ texts: [String]) -> String { "[\(texts.joined(separator: ", "))]" }
    return switch self {
    case .number(let number): JSONValue(number).serialized()
    case .bool(let flag): String(flag)
    case .gradient(let numbers): list(numbers.map { JSONValue($0).serialized() })
    case .bools(let flags): list(flags.map(String.init))
    }
  }
}
