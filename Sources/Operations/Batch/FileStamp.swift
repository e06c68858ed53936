import Base
import Glibc
import SystemPackage

/// A hash of the names, lengths and times of files, which shows without reading them that they did not change.
struct FileStamp: Equatable, Sendable {
  /// Sixteen hexadecimal digits.
  let text: String

  private static let maximumDepth = 8
  private static let maximumFileCount = 100_000

  init(text: String) { self.text = text }

  /// Creates the stamp of files and folders with everything in them. A path that does not exist counts as absent.
  ///
  /// An index of shards stands for the files of its folder, and a file for the `config.json` beside it too.
  /// - Parameter countsChanges: False to leave out the times of changes of owners, permissions and names, so that a copy
  ///   with the times of its original has the same stamp.
  /// - Complexity: One call of stat(2) for each file; no file is read.
  init(of paths: [String], countsChanges: Bool = true) throws {
    var lines = Lines(countsChanges: countsChanges)
    // The paths play no role, so that a batch can run from another folder.
    for path in paths {
      lines.add("")
      try lines.walk(path, name: "", depth: 0)
      guard !FileSystem.isDirectory(path) else { continue }
      let folder = FileSystem.parent(of: path)
      if path.hasSuffix(".json") {
        for name in try FileSystem.names(in: folder) {
          try lines.walk(folder + "/" + name, name: name, depth: Self.maximumDepth)
        }
      } else {
        try lines.walk(folder + "/config.json", name: "config.json", depth: Self.maximumDepth)
      }
    }
    text = lines.hash
  }

  /// Creates the stamp of an output; nil if it does not exist. A folder that it is in plays no role.
  init?(ofOutput path: String) throws {
    guard try FileSystem.typeIfPresent(path) != nil else { return nil }
    var lines = Lines(countsChanges: true)
    try lines.walk(path, name: "", depth: 0)
    text = lines.hash
  }

  /// The text that is hashed: a line for each file.
  private struct Lines {
    let countsChanges: Bool
    private var bytes: [UInt8] = []
    private var fileCount = 0

    init(countsChanges: Bool) { self.countsChanges = countsChanges }

    mutating func add(_ text: String) { bytes += (text + "\n").utf8 }

    mutating func walk(_ path: String, name: String, depth: Int) throws {
      guard fileCount < FileStamp.maximumFileCount else { return }
      guard let stat = try FileSystem.targetIfPresent(path) else { return }
      guard stat.type == .directory else {
        fileCount += 1
        let (written, changed) = (stat.st_mtim, stat.st_ctim)
        return add(
          "\(name)\t\(stat.size)\t\(written.tv_sec).\(written.tv_nsec)"
            + (countsChanges ? "\t\(changed.tv_sec).\(changed.tv_nsec)" : ""))
      }
      guard depth < FileStamp.maximumDepth else { return }
      for inner in try FileSystem.names(in: path) {
        try walk(path + "/" + inner, name: name + "/" + inner, depth: depth + 1)
      }
    }

    var hash: String { XXH64.digits(of: bytes) }
  }
}
