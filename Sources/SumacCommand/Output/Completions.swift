import Base
import Checkpoints
import Operations

/// The candidates for shell completion that the parser does not know.
enum Completions {
  /// The names of all storage types.
  static let types = StorageType.names.map(\.name)

  /// Returns the topics, codes of errors and files that begin with `start`.
  static func subjects(start: String) -> [String] {
    ExplainOperation.topicNames.filter { $0.hasPrefix(start) } + files(start: start)
  }

  /// Returns the paths that begin with `start`; a folder that cannot be read has none.
  private static func files(start: String) -> [String] {
    let folder = start.lastIndex(of: "/").map { String(start[...$0]) } ?? ""
    let names = (try? FileSystem.names(in: folder.isEmpty ? "." : folder)) ?? []
    return names.map { folder + $0 }.filter { $0.hasPrefix(start) }.sorted()
  }
}
