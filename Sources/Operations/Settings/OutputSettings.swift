package import Checkpoints
package import Codecs
import Containers

/// Where an output goes, and what shapes it whatever the operation.
package struct OutputSettings: Codable, Sendable, Equatable {
  /// The path of a file or folder; `-` is standard output.
  package var path: String
  /// Whether an existing output is replaced.
  package var replacesExisting = false
  /// The name of the container; that of the path's suffix if nil.
  package var format: String?
  /// The most bytes of a shard of a model directory.
  package var shardByteCount: Int?
  /// Whether tied tensors are written in full in formats without aliases; otherwise only the first is.
  package var keepsAliases = true
  package var compression: Compression?
  /// `.sumac`: a SHA-256 for each chunk.
  package var isSealed = false
  /// `.sumac`: a SHA-256 of each tensor's values.
  package var hasContentIDs = false
  package var recordsLineage = true

  package init(path: String) { self.path = path }

  /// The container that the format or the path asks for.
  package var container: any ContainerOutput.Type {
    get throws {
      if let format, let container = Containers.registry.output(named: format) { return container }
      return try Containers.output(forPath: path)
    }
  }

  var writerOptions: WriterOptions {
    WriterOptions(
      compression: compression, isSealed: isSealed, hasContentIDs: hasContentIDs,
      shardByteCount: shardByteCount, keepsAliases: keepsAliases)
  }

  /// What lineage records of aliases that are left out.
  var aliasOptions: [Lineage.Option] {
    keepsAliases ? [] : [Lineage.Option("aliases", "drop")]
  }
}

extension Compression: Codable {}
