package import Base
package import Checkpoints
import Containers
import Models
package import Rotary
import TensorCore

/// A model as far as its rotary embedding goes: its configuration, and the layer of CLEX if it has one.
package struct RopeModel: Sendable {
  package let path: String
  package let config: RotaryConfig
  /// The text of its `config.json`.
  package let text: [UInt8]
  /// Its tensors, where these were read.
  package let checkpoint: Checkpoint?
  /// For each kind of layers its settings; one without a name if all are alike.
  package let layers: [(kind: String?, settings: RopeSettings)]

  /// Reads a model folder, a `config.json`, or a file that carries one or has one beside it.
  /// - Parameter needsTensors: whether the tensors are needed whatever the type is.
  package init(_ path: String, needsTensors: Bool = false) throws {
    self.path = path
    let isJSON =
      !FileSystem.isDirectory(path) && path.hasSuffix(".json") && !path.hasSuffix(".index.json")
    var checkpoint = needsTensors && !isJSON ? try Containers.read(path) : nil
    let file = try Self.file(of: path, isJSON: isJSON, &checkpoint)
    text = file.text
    let configuration = try file.configuration(path: path, code: .ropeConfig)
    do throws(RopeFault) { config = try RotaryConfig(configuration) } catch {
      throw Self.error(error, path: path)
    }
    let isTrained = config.layers.contains { $0.settings.typeName == CLEXRope.name }
    if isTrained, checkpoint == nil, !isJSON { checkpoint = try Self.weights(path) }
    self.checkpoint = checkpoint
    layers = try Self.withCLEX(config.layers, checkpoint)
  }

  /// The layer belongs to the settings that name it, or to all if none do.
  private static func withCLEX(
    _ layers: [(kind: String?, settings: RopeSettings)], _ checkpoint: Checkpoint?
  ) throws -> [(kind: String?, settings: RopeSettings)] {
    try layers.map { kind, settings in
      var settings = settings
      if let checkpoint { settings.clex = try CLEXLayer(checkpoint, settings: settings) }
      return (kind, settings)
    }
  }

  /// The tensors of a folder; nil if it has none.
  private static func weights(_ path: String) throws -> Checkpoint? {
    guard FileSystem.isDirectory(path) else { return try Containers.read(path) }
    let names = try FileSystem.names(in: path)
    let hasWeights = names.contains {
      $0.hasSuffix(".safetensors") || $0.hasSuffix(".safetensors.index.json")
    }
    return hasWeights ? try Containers.read(path) : nil
  }

  private static func file(
    of path: String, isJSON: Bool, _ checkpoint: inout Checkpoint?
  ) throws -> ModelConfigurationFile {
    if isJSON { return try ModelConfigurationFile(path: path, code: .ropeConfig) }
    if FileSystem.isDirectory(path) {
      return try ModelConfigurationFile(in: InputTree(path: path), code: .ropeConfig)
    }
    let found = try checkpoint ?? Containers.read(path)
    checkpoint = found
    if let file = try ModelConfigurationFile(of: found) { return file }
    return try ModelConfigurationFile(
      path: FileSystem.parent(of: path) + "/" + ModelConfig.name, code: .ropeConfig)
  }

  package static func error(_ fault: RopeFault, path: String) -> FormatError {
    FormatError(.ropeConfig, fault.message, path: path, hint: fault.hint)
  }

  /// The frequencies of a kind of layers at a length.
  package func frequencies(
    _ settings: RopeSettings, length: Int?
  ) throws(FormatError) -> RopeFrequencies {
    do throws(RopeFault) { return try settings.frequencies(length: length) } catch {
      throw Self.error(error, path: path)
    }
  }
}

extension FormatError.Code {
  package static let ropeConfig = FormatError.Code(
    "rope.config",
    meaning: "The rotary parameters of config.json are malformed or not known.",
    remedy: "Compare them with the page of the model; rope show names the key.")
}
