package import Base
import Checkpoints
import Models
import Packing

/// Reads low-rank adapters in the layouts of several programs.
///
/// An adapter has, for each module, two factors whose product, multiplied by a scale, is added to the weight of the
/// module.
///
/// Source: Hu et al., "LoRA", ICLR 2022.
package enum LowRankAdapter {
  static let configName = "adapter_config.json"
  static let weightsName = "adapter_model"

  /// Returns true if a checkpoint is an adapter, by its configuration file or its tensor names.
  static func isAdapter(_ checkpoint: Checkpoint) -> Bool {
    checkpoint.companions.contains { $0.name == configName }
      || AdapterLayouts.all.contains { $0.marks(checkpoint.tensors.map(\.name)) }
  }

  /// Returns the changes by the names of the base's tensors.
  ///
  /// - Throws: An error if the adapter is malformed, or of a kind that is not supported.
  static func tensors(of checkpoint: Checkpoint) throws -> [TaskVector.Tensor] {
    let adapter = try AdapterFile(checkpoint)
    let tensors = try tensors(of: adapter)
    if let tensor = tensors.first(where: { !$0.sum.hasFiniteFactors }) {
      throw adapter.fault(
        "has a scale that float32 cannot hold", tensor: tensor.name,
        hint: "check the alpha and rank of the adapter")
    }
    return tensors
  }

  private static func tensors(of adapter: AdapterFile) throws -> [TaskVector.Tensor] {
    for layout in AdapterLayouts.all where layout.recognizes(adapter) {
      return try layout.tensors(of: adapter)
    }
    return try PEFTLayout.tensors(of: adapter)
  }
}

/// The tensors of an adapter with its configuration.
struct AdapterFile {
  let checkpoint: Checkpoint
  /// The content of `adapter_config.json`; nil if there is no such file.
  let config: JSONObject?

  init(checkpoint: Checkpoint, config: JSONObject?) {
    self.checkpoint = checkpoint
    self.config = config
  }

  /// Reads the configuration file next to the weights; `checkpoint` may be the weights or their folder.
  init(_ checkpoint: Checkpoint) throws {
    self.checkpoint = checkpoint
    let name = LowRankAdapter.configName
    var file = try ModelConfigurationFile(of: checkpoint, named: name)
    if file == nil {
      let beside = FileSystem.parent(of: checkpoint.path) + "/" + name
      if (try? FileSystem.stat(beside)) != nil {
        file = try ModelConfigurationFile(path: beside, named: name, code: .adapter)
      }
    }
    guard let file else {
      config = nil
      return
    }
    do { config = try file.object() } catch {
      throw FormatError(.adapter, "\(name): is not a JSON object", path: checkpoint.path)
    }
  }

  func fault(_ reason: Message, tensor: String? = nil, hint: Message? = nil) -> FormatError {
    FormatError(.adapter, reason, path: checkpoint.path, tensor: tensor, hint: hint)
  }

  /// Returns the error for a setting of the configuration file.
  func configFault(_ reason: Message, hint: Message? = nil) -> FormatError {
    fault("\(LowRankAdapter.configName): \(reason)", hint: hint)
  }
}

/// The names and the configuration of an adapter in the files of one program.
protocol AdapterLayout: Sendable {
  /// Returns true if one of the names occurs only in adapters of this layout.
  static func marks(_ names: [String]) -> Bool

  /// Returns true if the adapter has this layout.
  static func recognizes(_ adapter: AdapterFile) -> Bool

  /// Returns the changes, those that replace whole tensors first.
  static func tensors(of adapter: AdapterFile) throws -> [TaskVector.Tensor]
}

/// The layouts that are read. The first that recognizes an adapter reads it; PEFT's reads all others.
enum AdapterLayouts {
  static let all: [any AdapterLayout.Type] = [
    MLXAdapterLayout.self, KohyaLayout.self, DiffusersLayout.self, PEFTLayout.self,
  ]
}

extension FormatError.Code {
  package static let adapter = FormatError.Code(
    "adapter",
    meaning: "A LoRA adapter is malformed or of a kind that is not supported.",
    remedy: "Check adapter_config.json and the names of its tensors.")
}
