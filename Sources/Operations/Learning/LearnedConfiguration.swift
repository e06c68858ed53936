import AdaMerging
import Base
import Checkpoints
import Models
import SystemPackage
import TensorCore
import Training

/// The configuration of the network whose merge coefficients are learned.
enum LearnedConfiguration {
  /// Returns the configuration that `architecture` describes, otherwise that of the base.
  ///
  /// A base without config.json may be an encoder whose sizes its tensors show. The configuration of a whole CLIP model
  /// stands for that of its image encoder.
  /// - Throws: ``FormatError`` or ``UsageError`` if there is none.
  static func configuration(
    _ architecture: String?, of files: ModelFiles
  ) throws -> ModelConfiguration {
    guard let architecture else {
      let isPresent = try files.smallFile(ModelConfig.name) != nil
      if !isPresent, let object = encoder(files.checkpoint) { return ModelConfiguration(object) }
      return vision(try files.configuration())
    }
    if try FileSystem.targetType(architecture) == .regular {
      let file = try InputFile(path: architecture)
      guard file.byteCount <= ModelConfig.maximumByteCount else {
        throw FormatError(
          .evaluatedModel, "is larger than \(ByteSize(ModelConfig.maximumByteCount))",
          path: architecture)
      }
      let text = try file.bytes(at: 0, count: file.byteCount)
      return vision(
        try ModelConfigurationFile(text: text).configuration(
          path: architecture, code: .evaluatedModel))
    }
    guard let object = try ArchitectureSpec.configuration(architecture) else {
      throw UsageError(
        "\(architecture.printable) is neither a file nor the sizes of a network",
        hint: "name a config.json, or sizes such as encoder:64,48,32,16")
    }
    return ModelConfiguration(object)
  }

  /// Returns the configuration of the image encoder of a whole CLIP model; others as they are.
  private static func vision(_ model: ModelConfiguration) -> ModelConfiguration {
    guard model.root["model_type"]?.asString == "clip",
      var object = model.root["vision_config"]?.asObject
    else { return model }
    object["model_type"] = .string("clip_vision_model")
    // The setting of the whole model is that of its projection.
    if let size = model.root["projection_dim"] { object["projection_dim"] = size }
    return ModelConfiguration(object)
  }

  /// Returns the configuration of a small encoder, whose sizes are those of its tensors; nil for other checkpoints.
  private static func encoder(_ checkpoint: Checkpoint) -> JSONObject? {
    func shape(_ name: String) -> [Int]? {
      checkpoint.tensors.first { $0.name == name }?.info.shape.dimensions
    }
    guard let first = shape("fc1.weight"), let second = shape("fc2.weight"),
      let projection = shape("proj.weight"), shape("norm.weight") != nil,
      [first, second, projection].allSatisfy({ $0.count == 2 })
    else { return nil }
    return [
      "model_type": .string("mlp_encoder"), "input_shape": .array([JSONValue(first[1])]),
      "hidden_sizes": .array([JSONValue(first[0]), JSONValue(second[0])]),
      "num_labels": JSONValue(projection[0]),
    ]
  }
}
