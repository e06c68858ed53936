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

enum Environment {
  static subscript(name: String) -> String? {
    // SAFETY: the value is copied at once; no thread of this program changes the environment.
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }
}
