import Base
import Checkpoints
import Models
import Networks
import TensorCore
import Training

extension Checkpoint {
  /// Returns a network with random weights, which are computed as they are read.
  /// - Parameters:
  ///   - text: The text of its config.json.
  ///   - path: The file or the spec of the text, for messages.
  /// - Throws: ``FormatError`` or ``SeveralErrors`` with all faults of the configuration.
  static func newNetwork(_ text: [UInt8], path: String, seed: UInt64) throws -> Checkpoint {
    let model = try ModelConfigurationFile(text: text).configuration(
      path: path, code: .networkConfiguration)
    let network = try Network<Float>.outline(of: model, path: path)
    let info = try TensorInfo(name: ModelConfig.name, dtype: .u8, shape: Shape([text.count]))
    let companion = LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: text),
      stored: StoredForm(file: path, byteOffset: 0, byteCount: text.count, dtype: .u8))
    return Checkpoint(
      path: path, container: .memory,
      tensors: try InitialTensors.tensors(of: network, seed: seed), companions: [companion],
      identity: InputIdentity(hash: XXH64.digits(of: text), byteCount: text.count), files: [])
  }
}
