import Base
import Checkpoints
import Glibc
import SystemPackage

/// Data for the user or the next program in a pipe.
enum StandardOutput {
  /// Columns of the terminal, or of `COLUMNS` there; nil if standard output is no terminal.
  static var width: Int? {
    guard isatty(1) == 1 else { return nil }
    if let columns = Environment["COLUMNS"].flatMap(Int.init), columns > 0 { return columns }
    var size = winsize()
    // SAFETY: the call fills a winsize.
    guard unsafe ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  static func write(_ text: String) throws {
    do { try FileDescriptor.standardOutput.writeAll(text.utf8) } catch {
      throw FileError("write", "standard output", Errno(caught: error))
    }
  }

  /// Lets errors show that only appear when the file is closed.
  static func flush() throws {
    let copy = dup(1)
    guard copy >= 0 else { return }
    guard close(copy) == 0 else {
      throw FileError("write", "standard output", Errno(rawValue: errno))
    }
  }
}

/// A report as a file, whole or not at all.
///
/// Devices and pipes are written to directly.
enum ReportFile {
  static func check(_ path: String) throws {
    guard try !isDevice(path) else { return }
    guard try FileSystem.typeIfPresent(path) == nil else {
      throw OutputExistsError(path: path, reason: "exists already; a report replaces no file")
    }
    try AtomicOutput(path: path, replacesExisting: false).check(isDirectory: false, inputs: [])
  }

  private static func isDevice(_ path: String) throws -> Bool {
    guard let stat = try? FilePath(path).stat() else { return false }
    return stat.type != .regular && stat.type != .directory
  }

  static func write(_ text: String, to path: String) throws {
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

enum Environment {
  static subscript(name: String) -> String? {
    // SAFETY: the value is copied at once; no thread of this program changes the environment.
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }
}
