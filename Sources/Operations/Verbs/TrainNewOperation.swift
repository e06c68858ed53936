import Base
import Checkpoints
import Models
import Networks
import SystemPackage
import Training

/// Writes a new network with random weights.
package struct TrainNewOperation: OutputOperation {
  package static let verb = "train new"

  /// The sizes of a plain classifier, such as `mlp:64,32,10`, or the path of a config.json.
  package var architecture: String
  package var seed: UInt64 = 0
  package var output: OutputSettings

  package init(architecture: String, output: OutputSettings) {
    self.architecture = architecture
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    let (text, path) = try configuration()
    let planned = try Checkpoint.newNetwork(text, path: path, seed: seed)
    return OutputRequest(
      options: [
        try isFile
          ? Lineage.Option("arch", file: architecture) : Lineage.Option("arch", architecture),
        Lineage.Option("seed", String(seed)),
      ],
      inputs: [], output: planned, carried: [])
  }

  /// True if the architecture is the path of a config.json.
  private var isFile: Bool {
    get throws { try FileSystem.targetType(architecture) == .regular }
  }

  /// Returns the text of the config.json, and its path for messages.
  private func configuration() throws -> (text: [UInt8], path: String) {
    if try isFile {
      let file = try InputFile(path: architecture)
      guard file.byteCount <= ModelConfig.maximumByteCount else {
        throw FormatError(
          .networkConfiguration, "is larger than \(ByteSize(ModelConfig.maximumByteCount))",
          path: architecture)
      }
      return (try file.bytes(at: 0, count: file.byteCount), architecture)
    }
    guard let object = try ArchitectureSpec.configuration(architecture) else {
      throw UsageError(
        "\(architecture.printable) is neither a file nor the sizes of a network",
        hint: "name a config.json, or sizes such as mlp:64,32,10")
    }
    return (Array((JSONValue.object(object).serialized(indented: true) + "\n").utf8), architecture)
  }
}
