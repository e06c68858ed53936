import Glibc
import SystemPackage

/// A file of lines to which one process appends, each line with one write that is synced.
///
/// The file is locked with flock(2) while this object lives, so that a second process does not append to it.
package final class JournalFile: Sendable {
  /// The maximum length of a line in bytes; longer ones are damaged.
  private static let maximumLineByteCount = 1 << 20

  package let path: String
  private let descriptor: FileDescriptor

  /// Opens the file for appending and creates it if it does not exist.
  /// - Returns: Nil if another process has the lock.
  package init?(path: String) throws(FileError) {
    self.path = path
    do {
      descriptor = try FileDescriptor.open(
        FilePath(path), .readWrite, options: [.create, .append, .noFollow, .closeOnExec],
        permissions: FilePermissions(rawValue: 0o666))
    } catch {
      throw FileError("open", path, Errno(caught: error))
    }
    do throws(FileError) {
      guard try FileSystem.lock(descriptor, path) != .held else {
        try? descriptor.close()
        return nil
      }
    } catch {
      try? descriptor.close()
      throw error
    }
  }

  deinit { try? descriptor.close() }

  /// Appends lines with one write and waits until they are on disk.
  package func append(_ lines: [String]) throws(FileError) {
    guard !lines.isEmpty else { return }
    var text: [UInt8] = []
    if try !endsWithLine { text.append(UInt8(ascii: "\n")) }
    for line in lines {
      text += line.utf8
      text.append(UInt8(ascii: "\n"))
    }
    do { try descriptor.writeAll(text) } catch {
      throw FileError("write", path, Errno(caught: error))
    }
    guard fdatasync(descriptor.rawValue) == 0 else {
      throw FileError("sync", path, Errno(rawValue: errno))
    }
  }

  /// True if the file is empty or its last line is complete. A writer that was killed may leave a part of a line.
  private var endsWithLine: Bool {
    get throws(FileError) {
      do {
        let size = try descriptor.stat().size
        guard size > 0 else { return true }
        var last: [UInt8] = [0]
        _ = try unsafe last.withUnsafeMutableBytes { bytes in
          // SAFETY: the array lends its memory with its true length during the call.
          try unsafe descriptor.read(fromAbsoluteOffset: Int64(size) - 1, into: bytes)
        }
        return last[0] == UInt8(ascii: "\n")
      } catch {
        throw FileError("read", path, Errno(caught: error))
      }
    }
  }

  /// Calls `body` with the number of each line of a file, from 1 on, and its bytes; nil for a line that is longer than
  /// 1 MiB. Empty lines are left out. Does nothing if there is no such file.
  package static func forEachLine(
    of path: String, _ body: (_ number: Int, _ line: [UInt8]?) throws -> Void
  ) throws {
    guard try FileSystem.targetIfPresent(path) != nil else { return }
    let file = try InputFile(path: path)
    var line: [UInt8] = []
    var isTooLong = false
    var number = 1
    func finish() throws {
      if isTooLong { try body(number, nil) } else if !line.isEmpty { try body(number, line) }
      (line, isTooLong) = ([], false)
      number += 1
    }
    for start in stride(from: 0, to: file.byteCount, by: maximumLineByteCount) {
      let piece = try file.bytes(
        at: start, count: min(maximumLineByteCount, file.byteCount - start))
      for part in piece.split(
        separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
      ).enumerated() {
        if part.offset > 0 { try finish() }
        if line.count + part.element.count > maximumLineByteCount { isTooLong = true }
        if isTooLong { line = [] } else { line += part.element }
      }
    }
    try finish()
  }
}
