import Base
import Checkpoints
import SystemPackage

/// Writes a report to a file, completely or not at all.
///
/// Devices and pipes are written to directly.
package enum ReportFile {
  /// Checks before the work starts that a report can be written to the path.
  package static func check(_ path: String) throws {
    guard try !isDevice(path) else { return }
    guard try FileSystem.typeIfPresent(path) == nil else {
      throw OutputExistsError(
        path: path, reason: "already exists; a report does not replace a file")
    }
    try AtomicOutput(path: path, replacesExisting: false).check(isDirectory: false)
  }

  private static func isDevice(_ path: String) throws -> Bool {
    guard let stat = try FileSystem.targetIfPresent(path) else { return false }
    return stat.type != .regular && stat.type != .directory
  }

  /// Writes a report to a new file, or to a device or pipe.
  package static func write(_ text: String, to path: String) throws {
    guard try !isDevice(path) else {
      do {
        let file = try FileDescriptor.open(FilePath(path), .writeOnly)
        try file.closeAfter { _ = try file.writeAll(text.utf8) }
      } catch {
        throw FileError("write", path, Errno(caught: error))
      }
      return
    }
    try check(path)
    let output = AtomicOutput(path: path, replacesExisting: false)
    try output.writeFile { file in try file.write(Array(text.utf8).rawSpan, at: 0) }
  }
}
