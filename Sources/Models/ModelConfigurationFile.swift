package import Base
package import Checkpoints
import TensorCore

/// A JSON file that describes a model: its bytes, for edits in place, and its parsed content.
///
/// All code that reads `config.json` or a similar file uses this type.
package struct ModelConfigurationFile: Sendable {
  /// The name of the file, for messages.
  package let name: String
  /// The bytes of the file.
  package let text: [UInt8]

  /// A reason why the text is not a configuration.
  package enum Fault: Error {
    /// The text is not valid JSON.
    case invalid(JSONError)
    /// The text is valid JSON, but not an object.
    case notAnObject
    /// The file is larger than ``ModelConfig/maximumByteCount``.
    case tooLarge

    /// The reason as the rest of a sentence about the file.
    package var reason: String {
      switch self {
      case .invalid(let error): "is not valid JSON (byte \(error.byteOffset): \(error.reason))"
      case .notAnObject: "is not a JSON object"
      case .tooLarge: "is larger than 16 MiB"
      }
    }
  }

  package init(name: String = ModelConfig.name, text: [UInt8]) {
    self.name = name
    self.text = text
  }

  /// Reads a companion file of a checkpoint; returns nil if there is none or if it is over the size limit.
  package init?(of checkpoint: Checkpoint, named name: String = ModelConfig.name) throws {
    guard let companion = checkpoint.companions.first(where: { $0.name == name }),
      companion.info.byteCount <= ModelConfig.maximumByteCount
    else { return nil }
    self.init(name: name, text: try companion.bytes())
  }

  /// Reads the configuration of a checkpoint; returns nil if there is none.
  /// - Throws: ``Fault`` if it is over the size limit, or an error if it cannot be read.
  package static func file(of checkpoint: Checkpoint) throws -> ModelConfigurationFile? {
    if let file = try ModelConfigurationFile(of: checkpoint) { return file }
    if checkpoint.companions.contains(where: { $0.name == ModelConfig.name }) {
      throw Fault.tooLarge
    }
    return nil
  }

  /// Reads a file by its path.
  /// - Throws: ``FileError`` if it cannot be read, or ``FormatError`` with `code` if it is too large.
  package init(
    path: String, named name: String = ModelConfig.name, code: FormatError.Code
  ) throws {
    try self.init(InputFile(path: path), name: name, path, code)
  }

  /// Reads a file of a model folder or archive.
  /// - Throws: as `init(path:code:)`.
  package init(
    in folder: InputTree, named name: String = ModelConfig.name, code: FormatError.Code
  ) throws {
    try self.init(folder.open(name), name: name, folder.path(of: name), code)
  }

  private init(
    _ file: InputFile, name: String, _ path: String, _ code: FormatError.Code
  ) throws {
    guard file.byteCount <= ModelConfig.maximumByteCount else {
      throw FormatError(code, "is larger than 16 MiB", path: path)
    }
    self.init(name: name, text: try file.bytes(at: 0, count: file.byteCount))
  }

  /// Returns the content of the file.
  /// - Throws: ``Fault`` if the text is not a JSON object.
  package func object() throws(Fault) -> JSONObject {
    let value: JSONValue
    do { value = try JSONValue.parse(text.rawSpan) } catch { throw .invalid(error) }
    guard let object = value.asObject else { throw .notAnObject }
    return object
  }

  /// Returns the content of a `config.json`.
  /// - Throws: ``Fault`` if the text is not a JSON object.
  package func configuration() throws(Fault) -> ModelConfiguration {
    ModelConfiguration(try object())
  }

  /// Returns the content of a `config.json`.
  /// - Parameter path: the file or model to name in an error.
  /// - Throws: ``FormatError`` with `code` if the text is not a JSON object.
  package func configuration(
    path: String, code: FormatError.Code
  ) throws(FormatError) -> ModelConfiguration {
    do throws(Fault) { return try configuration() } catch {
      switch error {
      case .invalid(let error):
        throw FormatError(
          code, "\(name) is not valid JSON: \(error.reason)", path: path,
          byteOffset: error.byteOffset)
      case .notAnObject, .tooLarge:
        throw FormatError(code, "\(name) \(error.reason)", path: path)
      }
    }
  }
}

extension Checkpoint {
  /// Returns the configuration in the checkpoint; nil if there is none or if it cannot be parsed.
  /// - Throws: an error if the file cannot be read.
  package func modelConfiguration() throws -> ModelConfiguration? {
    guard let file = try ModelConfigurationFile(of: self) else { return nil }
    return try? file.configuration()
  }
}
