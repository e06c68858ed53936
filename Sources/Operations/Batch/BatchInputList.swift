import Base

/// A list of paths, one on each line.
enum BatchInputList {
  private static let maximumByteCount = 64 << 20

  /// Reads the paths of a file, or of standard input for `-`.
  ///
  /// Empty lines and lines that start with `#` are left out.
  /// - Throws: ``UsageError`` if the list is longer than 64 MiB, is not UTF-8 or names no path.
  static func paths(_ path: String, _ context: OperationContext) throws -> [String] {
    let isStream = path == OperationContext.standardInputPath
    let name = isStream ? OperationContext.standardInputName : path
    let file = try InputFile(path: isStream ? context.spooledStandardInput() : path, name: name)
    guard file.byteCount <= maximumByteCount else {
      throw UsageError("\(name.printable) is larger than 64 MiB, expected a list of paths")
    }
    let bytes = try file.bytes(at: 0, count: file.byteCount)
    guard let text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(0) else {
      throw UsageError("\(name.printable) is not a text, expected a list of paths")
    }
    let paths = text.split(whereSeparator: \.isNewline).map(trimmed).filter {
      !$0.isEmpty && !$0.hasPrefix("#")
    }
    guard !paths.isEmpty else {
      throw UsageError("\(name.printable) names no input", hint: "write one path on each line")
    }
    return paths
  }

  private static func trimmed(_ line: Substring) -> String {
    var line = line
    while let first = line.first, first.isWhitespace { line.removeFirst() }
    while let last = line.last, last.isWhitespace { line.removeLast() }
    return String(line)
  }
}
