import Base
import Checkpoints
import Models
import Tokenizers

/// A model to evaluate: its tensors, its configuration, and the files that belong to it.
struct EvaluatedSource: Sendable {
  let files: ModelFiles
  let configuration: ModelConfiguration

  var checkpoint: Checkpoint { files.checkpoint }

  /// Reads the headers and the configuration of the model at `path`.
  init(_ path: String, _ context: OperationContext) throws {
    try self.init(context.read(path, for: .report), path: path)
  }

  /// - Parameter path: The path of the checkpoint as it was named.
  init(_ checkpoint: Checkpoint, path: String) throws {
    files = ModelFiles(checkpoint: checkpoint, path: path)
    configuration = try files.configuration()
  }

  init(_ checkpoint: Checkpoint, path: String, _ configuration: ModelConfiguration) {
    files = ModelFiles(checkpoint: checkpoint, path: path)
    self.configuration = configuration
  }
}
