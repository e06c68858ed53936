package import Base
package import Checkpoints
import Containers
import Models
package import Rotary
import TensorCore

/// The parts of a model that define its rotary embedding: the configuration, and the CLEX layer if there is one.
package struct RopeModel: Sendable {
  package let path: String
  package let config: RotaryConfig
  /// The path of the `config.json` that was read; nil if the file of tensors contains it.
  package let configPath: String?
  /// The text of `config.json`.
  package let text: [UInt8]
  /// The tensors; nil if they were not read.
  package let checkpoint: Checkpoint?
  /// The settings of each kind of layers; a single entry without a kind if all layers are alike.
  package let layers: [(kind: String?, settings: RopeSettings)]

  /// Reads a model folder, a `config.json`, or a file of tensors that contains a `config.json` or is next to one.
  /// - Parameter needsTensors: true to read the tensors of models without CLEX too.
  package init(
    _ path: String, needsTensors: Bool = false, limit: CatalogLimit = .none
  ) throws {
    self.path = path
    let isJSON =
      !FileSystem.isDirectory(path) && path.hasSuffix(".json") && !path.hasSuffix(".index.json")
    var checkpoint = needsTensors && !isJSON ? try Containers.read(path, limit: limit) : nil
    let file: ModelConfigurationFile
    (file, configPath) = try Self.file(of: path, isJSON: isJSON, &checkpoint, limit)
    text = file.text
    let configuration = try file.configuration(path: path, code: .ropeConfig)
    do throws(RopeFault) { config = try RotaryConfig(configuration) } catch {
      throw Self.error(error, path: path)
    }
    for (_, settings) in config.layers {
      do throws(RopeFault) { try settings.check() } catch { throw Self.error(error, path: path) }
    }
    let isTrained = config.layers.contains { $0.settings.typeName == CLEXRope.name }
    if isTrained, checkpoint == nil, !isJSON {
      checkpoint = try Self.weights(path, limit)
    }
    self.checkpoint = checkpoint
    layers = try Self.withCLEX(config.layers, checkpoint)
  }

  /// Returns the settings of the layers with the CLEX layer of the checkpoint.
  private static func withCLEX(
    _ layers: [(kind: String?, settings: RopeSettings)], _ checkpoint: Checkpoint?
  ) throws -> [(kind: String?, settings: RopeSettings)] {
    try layers.map { kind, settings in
      var settings = settings
      if let checkpoint { settings.clex = try CLEXLayer(checkpoint, settings: settings) }
      return (kind, settings)
    }
  }

  /// Reads the tensors at a path; returns nil for a folder without tensors.
  private static func weights(_ path: String, _ limit: CatalogLimit) throws -> Checkpoint? {
    guard FileSystem.isDirectory(path) else {
      return try Containers.read(path, limit: limit)
    }
    let names = try FileSystem.names(in: path)
    let hasWeights = names.contains {
      $0.hasSuffix(".safetensors") || $0.hasSuffix(".safetensors.index.json")
    }
    return hasWeights ? try Containers.read(path, limit: limit) : nil
  }

  /// Reads the `config.json` that belongs to the input, and its checkpoint if that is needed to find the file.
  /// - Returns: the file, and its path unless the checkpoint contains it.
  private static func file(
    of path: String, isJSON: Bool, _ checkpoint: inout Checkpoint?, _ limit: CatalogLimit
  ) throws -> (ModelConfigurationFile, path: String?) {
    if isJSON { return (try ModelConfigurationFile(path: path, code: .ropeConfig), path) }
    if FileSystem.isDirectory(path) {
      let folder = try InputTree(path: path)
      return (
        try ModelConfigurationFile(in: folder, code: .ropeConfig),
        folder.path(of: ModelConfig.name)
      )
    }
    let found = try checkpoint ?? Containers.read(path, limit: limit)
    checkpoint = found
    if let file = try ModelConfigurationFile(of: found) { return (file, nil) }
    let beside = FileSystem.parent(of: path) + "/" + ModelConfig.name
    return (try ModelConfigurationFile(path: beside, code: .ropeConfig), beside)
  }

  /// Returns the error that reports a fault of the settings of the model at `path`.
  package static func error(_ fault: RopeFault, path: String) -> FormatError {
    FormatError(
      fault.isAbsence ? .noRotation : .ropeConfig, fault.message, path: path, hint: fault.hint)
  }

  /// Returns the frequencies of one kind of layers for a length.
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
    meaning: "The rotary parameters of config.json are malformed or unknown.",
    remedy: "Compare them with the published configuration of the model; rope show names the key.")

  package static let noRotation = FormatError.Code(
    "rope.none",
    meaning: "The model has no rotary embeddings, so there are no frequencies to show or rescale.",
    remedy: "Use a model with rotary embeddings; learned positions cannot be extended this way.")
}
