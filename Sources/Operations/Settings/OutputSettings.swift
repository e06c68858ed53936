package import Checkpoints
package import Codecs
import Containers

/// The path, format and options of an output, common to all operations that write one.
package struct OutputSettings: Codable, Sendable, Equatable {
  /// The path of a file or folder; `-` is standard output.
  package var path: String
  /// True if an existing output is replaced.
  package var replacesExisting = false
  /// The name of the container; derived from the path's suffix if nil.
  package var format: String?
  /// The maximum number of bytes in a shard of a model directory.
  package var shardByteCount: Int?
  /// True if every tied tensor is written in formats without aliases; otherwise only the first is.
  package var keepsAliases = true
  /// The files beside the weights that the output contains.
  package var companions = CompanionChoice.small
  package var compression: Compression?
  /// True if a `.sumac` output stores a SHA-256 of each chunk.
  package var isSealed = false
  /// True if a `.sumac` output stores a SHA-256 of each tensor's values.
  package var hasContentIDs = false
  package var recordsLineage = true

  package init(path: String) { self.path = path }

  /// The container of the format, or of the path if no format is set.
  package var container: any ContainerOutput.Type {
    get throws {
      try Containers.output(forPath: path, format: format, isSharded: shardByteCount != nil)
    }
  }

  var writerOptions: WriterOptions {
    WriterOptions(
      compression: compression, isSealed: isSealed, hasContentIDs: hasContentIDs,
      shardByteCount: shardByteCount, keepsAliases: keepsAliases)
  }

  /// The lineage options that record the choice of aliases and files, unless they are the defaults.
  var choiceOptions: [Lineage.Option] {
    (keepsAliases ? [] : [Lineage.Option("aliases", "drop")])
      + (companions == .small ? [] : [Lineage.Option("companions", companions.rawValue)])
  }
}

extension Compression: Codable {}
