import Base

/// A position in the bytes of a pickle, read from memory or piece by piece from a file.
struct PickleCursor {
  /// The path in messages.
  let path: String
  /// The offset of the next byte.
  private(set) var byteOffset: Int
  /// The offset of the first byte after the pickle, or after the file.
  let end: Int
  private let file: InputFile?
  private var window: [UInt8]
  private var windowStart: Int

  /// The number of bytes that are read from a file at once.
  private static let windowByteCount = 64 << 10

  init(_ bytes: [UInt8], path: String) {
    self.path = path
    byteOffset = 0
    end = bytes.count
    file = nil
    window = bytes
    windowStart = 0
  }

  init(_ file: InputFile, at byteOffset: Int) {
    path = file.path
    self.byteOffset = byteOffset
    end = file.byteCount
    self.file = file
    window = []
    windowStart = byteOffset
  }

  var remainingByteCount: Int { end - byteOffset }

  func error(_ reason: String, at offset: Int? = nil) -> FormatError {
    FormatError(.pickle, reason, path: path, byteOffset: offset ?? byteOffset)
  }

  private func require(_ count: Int) throws {
    guard count >= 0, count <= end - byteOffset else {
      throw FormatError(
        .pickle,
        "the pickle needs \(count.counted("more byte")), but has \((end - byteOffset).counted("byte")) left",
        path: path, byteOffset: byteOffset, hint: "the file may be cut short")
    }
  }

  /// Makes at least `count` bytes, at most the length of a window, available in the window.
  private mutating func fill(_ count: Int) throws {
    try require(count)
    guard byteOffset + count > windowStart + window.count, let file else { return }
    window = try file.bytes(at: byteOffset, count: min(Self.windowByteCount, end - byteOffset))
    windowStart = byteOffset
  }

  mutating func byte() throws -> UInt8 {
    try fill(1)
    let byte = window[byteOffset - windowStart]
    byteOffset += 1
    return byte
  }

  /// Reads a little-endian unsigned integer of 1 to 8 bytes.
  mutating func unsigned(byteCount: Int) throws -> UInt64 {
    try fill(byteCount)
    var value: UInt64 = 0
    for index in 0..<byteCount {
      value |= UInt64(window[byteOffset - windowStart + index]) << UInt64(8 * index)
    }
    byteOffset += byteCount
    return value
  }

  /// Reads a length of 1 to 8 bytes, which must not lead past the end.
  mutating func length(byteCount: Int) throws -> Int {
    let start = byteOffset
    let value = try unsigned(byteCount: byteCount)
    guard let count = Int(exactly: value), count <= end - byteOffset else {
      throw FormatError(
        .pickle,
        "the pickle declares \(value) bytes, but only \(end - byteOffset) are left", path: path,
        byteOffset: start, hint: "the file may be cut short")
    }
    return count
  }

  mutating func bytes(count: Int) throws -> [UInt8] {
    try require(count)
    guard count <= Self.windowByteCount || file == nil else {
      guard let file else { return [] }
      let bytes = try file.bytes(at: byteOffset, count: count)
      byteOffset += count
      return bytes
    }
    try fill(count)
    let start = byteOffset - windowStart
    byteOffset += count
    return Array(window[start..<start + count])
  }

  /// Reads UTF-8 text of `count` bytes.
  mutating func text(count: Int) throws -> String {
    let start = byteOffset
    let bytes = try bytes(count: count)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw error("a string is not valid UTF-8", at: start)
    }
    return text
  }

  /// Reads the bytes up to the next line feed, which is not part of the result.
  ///
  /// Only numbers, names and the strings of protocol 0 are lines, so a line has a limit of 1 MiB.
  mutating func line() throws -> [UInt8] {
    var line: [UInt8] = []
    let start = byteOffset
    while true {
      let next = try byte()
      if next == UInt8(ascii: "\n") { return line }
      guard line.count < 1 << 20 else { throw error("a line is longer than 1 MiB", at: start) }
      line.append(next)
    }
  }
}
