import Base
import Checkpoints
import Glibc
import Operations
import Reporting
import SystemPackage

/// Standard output, which carries data for the user or the next program in a pipe.
enum StandardOutput {
  /// The number of columns, from `COLUMNS` or the terminal, or nil if standard output is not a terminal.
  static var width: Int? {
    guard isatty(1) == 1 else { return nil }
    if let columns = Environment["COLUMNS"].flatMap(Int.init), columns > 0 { return columns }
    var size = winsize()
    // SAFETY: the call fills a winsize.
    guard unsafe ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// - Throws: ``InterruptedError`` if the reader of a pipe went away.
  static func write(_ text: String) throws {
    do { try FileDescriptor.standardOutput.writeAll(text.utf8) } catch {
      let code = Errno(caught: error)
      if code == .brokenPipe { throw InterruptedError(status: .brokenPipe) }
      throw FileError("write", "standard output", code)
    }
  }

  /// Writes the reports of a result, in pieces, so that memory does not depend on their length.
  ///
  /// Text has charts in ASCII unless the locale uses UTF-8, and in color where `color` allows it.
  static func write(
    _ result: OperationResult, as format: ReportFormat, color: ColorChoice = .auto
  ) throws {
    var pieces = ""
    let style = TextStyle(
      width: width, isASCII: !TextStyle.isUTF8 { Environment[$0] },
      isColored: color.isActive(for: 1))
    try result.write(as: format, style: style) { piece in
      pieces += piece
      guard pieces.utf8.count >= pieceByteCount else { return }
      try write(pieces)
      pieces = ""
    }
    try write(pieces)
  }

  /// The number of bytes that are gathered before they are written.
  private static let pieceByteCount = 1 << 16

  /// Closes a duplicate of the descriptor, to report errors that appear only on closing.
  static func flush() throws {
    let copy = dup(1)
    guard copy >= 0 else { return }
    guard close(copy) == 0 else {
      throw FileError("write", "standard output", Errno(rawValue: errno))
    }
  }
}

/// The environment variables of the process.
enum Environment {
  static subscript(name: String) -> String? {
    // SAFETY: the value is copied at once; no thread of this program changes the environment.
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }
}
