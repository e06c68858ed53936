import Base
import Checkpoints
import Models

/// The model that a cache belongs to, as far as its configuration describes it.
struct CacheModel {
  /// The name of the model's folder.
  let name: String
  /// The path of its `config.json`.
  let path: String
  let file: ModelConfigurationFile

  /// - Parameter model: a model folder, or its `config.json`.
  init(_ model: String) throws {
    if model.hasSuffix(".json") {
      path = model
      name = FileSystem.ownName(of: FileSystem.parent(of: model))
      file = try ModelConfigurationFile(path: path, code: .cacheLayout)
    } else {
      let folder = InputTree(path: model, tree: DiskFolder(model))
      path = folder.path(of: ModelConfig.name)
      name = FileSystem.ownName(of: model)
      file = try ModelConfigurationFile(in: folder, code: .cacheLayout)
    }
  }
}

extension CacheHints {
  /// Takes heads, head dim and layers from a model's configuration.
  /// - Parameter model: a model folder, or its `config.json`.
  package mutating func read(model: String) throws {
    let model = try CacheModel(model)
    guard let configuration = try? model.file.configuration() else {
      throw FormatError(.cacheLayout, "is no JSON object", path: model.path)
    }
    do throws(ModelConfiguration.Fault) {
      heads = try configuration.keyValueHeadCount
      headDim = try configuration.headDim
      if layers == nil { layers = try configuration.layerCount }
    } catch {
      throw FormatError(.cacheLayout, error.description, path: model.path)
    }
    guard let heads, heads > 0, let headDim, headDim > 0 else {
      throw FormatError(
        .cacheLayout, "has no num_key_value_heads and head_dim above 0", path: model.path)
    }
  }
}

extension CacheDetails {
  /// Adds the name of a model, a hash of its configuration, and the rotary parameters in it.
  /// - Parameter model: a model folder, or its `config.json`.
  package mutating func describe(model: String) throws {
    let model = try CacheModel(model)
    describeModel(named: model.name, config: model.file.text)
  }
}
