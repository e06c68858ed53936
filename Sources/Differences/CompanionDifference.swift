import Base
import Checkpoints
import Models
import TensorCore

/// The differences between the files beside the weights of two models.
///
/// Files are compared if both models have any. `config.json` is compared member by member, others by their bytes.
struct CompanionDifference {
  private(set) var configuration: [ModelDifference.Entry] = []
  private(set) var files: [ModelDifference.Entry] = []
  /// The documents of `config.json`; nil if there is none, or if it is not a JSON object.
  let configurationA: JSONObject?
  let configurationB: JSONObject?

  init(_ a: Checkpoint, _ b: Checkpoint, engine: Engine) throws {
    configurationA = Self.configuration(of: a)
    configurationB = Self.configuration(of: b)
    guard !a.companions.isEmpty, !b.companions.isEmpty else { return }
    let comparesMembers = configurationA != nil && configurationB != nil
    if let left = configurationA, let right = configurationB {
      configuration = ModelDifference.Entry.differences(
        Self.members(.object(left)), Self.members(.object(right))
      ) { $0.map(\.text).joined(separator: ".") }
    }
    var faults: [UTF8Key: String] = [:]
    func summaries(_ checkpoint: Checkpoint) throws -> [(UTF8Key, String)] {
      try checkpoint.companions.filter { !(comparesMembers && $0.name == ModelConfig.name) }.map {
        file in
        let name = UTF8Key(file.name)
        do { return (name, try Self.summary(of: file, engine)) } catch let fault as FormatError {
          faults[name] =
            (faults[name].map { $0 + "; " } ?? "") + fault.message.text(.plain)
          return (name, "damaged: \(fault.reason)")
        }
      }
    }
    let (left, right) = (try summaries(a), try summaries(b))
    files = ModelDifference.Entry.differences(left, right, faults: faults, name: \.text)
  }

  func model(_ checkpoint: Checkpoint, _ configuration: JSONObject?) -> ModelDifference.Model {
    ModelDifference.Model(
      path: checkpoint.path, container: checkpoint.container.rawValue,
      byteCount: checkpoint.fileByteCount, tensorCount: checkpoint.tensors.count,
      parameterCount: checkpoint.parameterCount,
      architecture: configuration?["architectures"]?.asArray?.first?.asString
        ?? configuration?["model_type"]?.asString)
  }

  private static func configuration(of checkpoint: Checkpoint) -> JSONObject? {
    // If the file is not a configuration, its bytes are compared instead.
    guard let file = try? ModelConfigurationFile(of: checkpoint) else { return nil }
    return (try? JSONValue.parse(file.text.rawSpan))?.asObject
  }

  /// Returns the members of a document, each with the keys that lead to it, such as `rope_scaling` and `factor`.
  ///
  /// Keys may have dots, so that joined keys are not unique.
  private static func members(
    _ value: JSONValue, keys: [UTF8Key] = []
  ) -> [([UTF8Key], String)] {
    guard let object = value.asObject, !object.isEmpty || keys.isEmpty else {
      return [(keys, value.serialized())]
    }
    return object.flatMap { key, value in members(value, keys: keys + [UTF8Key(key)]) }
  }

  /// Returns the length and the checksum of a file.
  /// - Throws: ``FormatError`` if the file is damaged.
  private static func summary(of file: LazyTensor, _ engine: Engine) throws -> String {
    if let fault = file.fault { throw fault }
    let checksums = try Checkpoint.chunkChecksums(of: [file], engine: engine)
    let bytes = checksums.flatMap { sum in
      (0..<8).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) }
    }
    let digits = Kernels.xxh64(bytes.rawSpan)
    return "\(file.info.byteCount.counted("byte")), xxh64 \(String(digits, radix: 16))"
  }
}
