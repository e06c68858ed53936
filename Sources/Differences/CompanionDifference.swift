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
        Self.members(.object(left)), Self.members(.object(right)))
    }
    func compared(_ checkpoint: Checkpoint) -> [LazyTensor] {
      checkpoint.companions.filter { !(comparesMembers && $0.name == ModelConfig.name) }
    }
    files = ModelDifference.Entry.differences(
      try compared(a).map { ($0.name, try Self.summary(of: $0, engine)) },
      try compared(b).map { ($0.name, try Self.summary(of: $0, engine)) })
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
    // A file that is no configuration is compared by its bytes.
    guard let file = try? ModelConfigurationFile(of: checkpoint) else { return nil }
    return (try? JSONValue.parse(file.text.rawSpan))?.asObject
  }

  /// Returns the members of a document with their paths, such as `rope_scaling.factor`.
  private static func members(_ value: JSONValue, path: String = "") -> [(String, String)] {
    guard let object = value.asObject, !object.isEmpty || path.isEmpty else {
      return [(path, value.serialized())]
    }
    return object.flatMap { key, value in
      members(value, path: path.isEmpty ? key : "\(path).\(key)")
    }
  }

  /// Returns the length and the checksum of a file; a damaged file has the reason instead.
  private static func summary(of file: LazyTensor, _ engine: Engine) throws -> String {
    do {
      let checksums = try Checkpoint.chunkChecksums(of: [file], engine: engine)
      let bytes = checksums.flatMap { sum in
        (0..<8).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) }
      }
      let digits = Kernels.xxh64(bytes.rawSpan)
      return "\(file.info.byteCount.counted("byte")), xxh64 \(String(digits, radix: 16))"
    } catch let fault as FormatError {
      return "damaged: \(fault.reason)"
    }
  }
}
