package import Base
import Networks

/// The modules of a sentence encoder after its network, from the files of sentence-transformers.
///
/// A folder without `modules.json` has the mean of the hidden states, as sentence-transformers makes of it.
package struct SentenceModules: Sendable {
  /// A linear layer after pooling.
  struct Dense: Sendable, Equatable {
    /// The folder of the module, with which the names of its tensors start.
    let folder: String
    let inputCount: Int
    let outputCount: Int
    let hasBias: Bool
    /// Nil for the identity.
    let activation: ActivationKind?
  }

  enum Step: Sendable, Equatable {
    case dense(Dense)
    /// Division by the length of the vector.
    case normalize
  }

  /// The modes of pooling, whose vectors are concatenated.
  private(set) var pooling: [SentencePooling] = [.mean]
  private(set) var steps: [Step] = []
  /// The largest number of tokens of a sentence, special tokens included; nil if no file states it.
  package private(set) var maximumLength: Int?

  /// The files of a model.
  package typealias Files = (_ name: String) throws -> (bytes: [UInt8], path: String)?

  /// Reads the modules of a model.
  /// - Throws: ``FormatError`` for a module, a mode of pooling, an activation or an option that is not known.
  package init(_ files: Files) throws {
    if let file = try File("sentence_bert_config.json", files) {
      maximumLength = try file.count("max_seq_length", isOptional: true)
      guard try !file.flag("do_lower_case") else {
        throw file.error("do_lower_case is true, which is not supported")
      }
    }
    if maximumLength == nil, let file = try File("tokenizer_config.json", files) {
      // Tokenizers without a limit state a number of 30 digits.
      maximumLength = file.value["model_max_length"]?.asInt.flatMap { $0 > 0 ? $0 : nil }
    }
    guard let list = try File("modules.json", files) else { return }
    guard let modules = list.value.asArray else { throw list.error("is not an array of modules") }
    var isPooled = false
    for (index, module) in modules.enumerated() {
      guard let type = module["type"]?.asString, let path = module["path"]?.asString else {
        throw list.error("module \(index) has no type or no path")
      }
      let name = type.split(separator: ".").last.map { String($0) } ?? type
      switch name {
      case "Transformer" where index == 0:
        guard path.isEmpty else {
          throw list.error("the network is in the folder '\(path.printable)', expected '\"\"'")
        }
      case "Pooling" where index > 0 && !isPooled:
        isPooled = true
        pooling = try Self.pooling(File(path + "/config.json", files), list, path)
      case "Dense" where isPooled:
        steps.append(.dense(try Self.dense(File(path + "/config.json", files), list, path)))
      case "Normalize" where isPooled: steps.append(.normalize)
      default:
        throw list.error(
          "module \(index) is '\(type.printable)', which is not supported there; known are Transformer, "
            + "then Pooling, then Dense and Normalize")
      }
    }
    guard isPooled else { throw list.error("has no module for pooling") }
  }

  private static func pooling(
    _ file: File?, _ list: File, _ path: String
  ) throws -> [SentencePooling] {
    guard let file else { throw list.error("'\(path.printable)/config.json' is missing") }
    if let mode = file.value["pooling_mode"] {
      let names = mode.asArray.map { $0.map(\.asString) } ?? [mode.asString]
      return try names.map { name in
        guard let name, let mode = SentencePooling(rawValue: name) else {
          throw file.error(
            "the pooling mode '\((name ?? mode.serialized()).printable)' is not supported; known are \(Self.modes)"
          )
        }
        return mode
      }
    }
    guard let object = file.value.asObject else { throw file.error("is not an object") }
    let known = SentencePooling.allCases.map(\.configurationKey)
    for (key, value) in object
    where key.hasPrefix("pooling_mode_") && !known.contains(key) && value.asBool != false {
      throw file.error(
        "the pooling mode '\(key.printable)' is not supported; known are \(Self.modes)")
    }
    let modes = try SentencePooling.allCases.filter { try file.flag($0.configurationKey) }
    guard !modes.isEmpty else { throw file.error("no pooling mode is on") }
    return modes
  }

  private static var modes: String {
    SentencePooling.allCases.map(\.rawValue).joined(separator: ", ")
  }

  private static func dense(_ file: File?, _ list: File, _ path: String) throws -> Dense {
    guard let file else { throw list.error("'\(path.printable)/config.json' is missing") }
    guard let inputs = try file.count("in_features", isOptional: false),
      let outputs = try file.count("out_features", isOptional: false)
    else { throw file.error("has no in_features or out_features") }
    let name = file.value["activation_function"]?.asString ?? "torch.nn.modules.activation.Tanh"
    let activation: ActivationKind?
    switch name.split(separator: ".").last {
    case "Identity": activation = nil
    case "Tanh": activation = .tanh
    case "ReLU": activation = .relu
    case "GELU": activation = .gelu
    case "SiLU": activation = .silu
    default:
      throw file.error(
        "the activation '\(name.printable)' is not supported; known are Identity, Tanh, ReLU, GELU, SiLU"
      )
    }
    return Dense(
      folder: path, inputCount: inputs, outputCount: outputs,
      hasBias: file.value["bias"]?.asBool ?? true, activation: activation)
  }

  /// A JSON file of the model.
  private struct File {
    let value: JSONValue
    let path: String

    init?(_ name: String, _ files: Files) throws {
      guard let (bytes, path) = try files(name) else { return nil }
      self.path = path
      do { value = try JSONValue.parse(bytes.rawSpan) } catch {
        throw FormatError(
          .sentenceModules, "is not valid JSON: \(error.reason)", path: path,
          byteOffset: error.byteOffset)
      }
    }

    func error(_ reason: String) -> FormatError {
      FormatError(.sentenceModules, Message(reason), path: path)
    }

    func flag(_ key: String) throws -> Bool {
      guard let value = value[key], value != .null else { return false }
      guard let flag = value.asBool else {
        throw error("\(key) is \(value.kind), expected true or false")
      }
      return flag
    }

    func count(_ key: String, isOptional: Bool) throws -> Int? {
      guard let value = value[key], value != .null || !isOptional else { return nil }
      guard let count = value.asInt, count > 0 else {
        throw error("\(key) is \(value.serialized().printable), expected an integer above 0")
      }
      return count
    }
  }
}

extension FormatError.Code {
  package static let sentenceModules = FormatError.Code(
    "eval.modules",
    meaning: "A module of a sentence encoder, such as its pooling, is not known or not described.",
    remedy: "Use an encoder with the modules Transformer, Pooling, Dense and Normalize.")
}
