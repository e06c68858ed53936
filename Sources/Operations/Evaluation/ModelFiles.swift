package import Base
import Checkpoints
import Models
import SystemPackage
import TensorCore
import Tokenizers

/// The files that belong to the weights of a model: inside the checkpoint, or beside a file of weights.
struct ModelFiles {
  let checkpoint: Checkpoint
  /// The path of the checkpoint as it was named.
  let path: String

  /// Returns the bytes of a file, and its path for messages; nil if there is none.
  /// - Throws: ``FormatError`` with `code` if the file is larger than `limit`.
  private func bytes(
    _ name: String, limit: Int, code: FormatError.Code
  ) throws -> (bytes: [UInt8], path: String)? {
    if let companion = checkpoint.companions.first(where: { $0.name.equalsAsBytes(name) }) {
      guard companion.info.byteCount <= limit else {
        throw FormatError(code, "is larger than \(ByteSize(limit))", path: path + "/" + name)
      }
      return (try companion.bytes(), path + "/" + name)
    }
    let beside = FileSystem.parent(of: path) + "/" + name
    guard !FileSystem.isDirectory(path), try FileSystem.targetType(beside) == .regular else {
      return nil
    }
    let file = try InputFile(path: beside)
    guard file.byteCount <= limit else {
      throw FormatError(code, "is larger than \(ByteSize(limit))", path: beside)
    }
    return (try file.bytes(at: 0, count: file.byteCount), beside)
  }

  /// Returns the configuration of the model.
  /// - Throws: ``FormatError`` if there is none, or if it is not a JSON object.
  func configuration() throws -> ModelConfiguration {
    let (text, path) = try configurationText()
    return try ModelConfigurationFile(text: text).configuration(path: path, code: .evaluatedModel)
  }

  /// Returns the bytes of `config.json`, and its path for messages.
  /// - Throws: ``FormatError`` if there is none, or if it is too large.
  func configurationText() throws -> (bytes: [UInt8], path: String) {
    let limit = ModelConfig.maximumByteCount
    guard let found = try bytes(ModelConfig.name, limit: limit, code: .evaluatedModel) else {
      throw FormatError(
        .evaluatedModel, "has no config.json, which says how to run the network", path: path,
        hint: "name the model folder, or put config.json beside the file")
    }
    return found
  }

  /// Returns the bytes of a small JSON file, such as `modules.json`, and its path for messages; nil if there is none.
  func smallFile(_ name: String) throws -> (bytes: [UInt8], path: String)? {
    try bytes(name, limit: ModelConfig.maximumByteCount, code: .evaluatedModel)
  }

  /// The largest `tokenizer.json` that is read.
  private static let maximumTokenizerByteCount = 256 << 20

  /// Returns the tokenizer of the model; nil if it has none.
  func tokenizer() throws -> Tokenizer? {
    let name = "tokenizer.json"
    return try bytes(name, limit: Self.maximumTokenizerByteCount, code: .evaluatedModel).map {
      try Tokenizer.load(from: $0.bytes.rawSpan, path: $0.path)
    }
  }
}

extension FormatError.Code {
  package static let evaluatedModel = FormatError.Code(
    "eval.model",
    meaning: "A model cannot be run: its config.json or its tokenizer is missing or too large.",
    remedy: "Name a model folder that is whole, or a .sumac file that was made from one.")
}
