import Base
import Checkpoints
import Glibc
import SystemPackage

extension Plan.Input {
  /// Creates the record of an input from its headers.
  init(_ checkpoint: Checkpoint) throws {
    self.init(
      path: checkpoint.path, byteCount: checkpoint.fileByteCount, id: checkpoint.identity.id,
      stamp: try checkpoint.fileStamp())
  }
}

extension Checkpoint {
  /// Returns a hash of the names, lengths and times of the files that are read.
  fileprivate func fileStamp() throws -> String {
    var text = ""
    for file in files.compactMap(\.file) {
      // A member of an archive has no file of its own; the archive is in the list too.
      guard let stat = try FileSystem.targetIfPresent(file.path) else { continue }
      let written = stat.st_mtim
      text +=
        "\(FileSystem.baseName(of: file.path))\t\(stat.size)\t\(written.tv_sec).\(written.tv_nsec)\n"
    }
    return XXH64.digits(of: Array(text.utf8))
  }
}
