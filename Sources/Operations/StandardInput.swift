import Base
import Checkpoints
import Glibc
import SystemPackage

/// The standard input, which is copied to a temporary file because reading a model needs seeks.
struct StandardInput {
  /// The number of bytes that decide about the format.
  private static let prefixByteCount = 16
  /// The part of the free space that a copy may take, in percent.
  private static let freePercentage = 95
  private static let pollMilliseconds: Int32 = 200

  private let folder: String
  private let cancellation: Cancellation

  /// - Parameter folder: The folder of the copy.
  init(folder: String, cancellation: Cancellation) {
    self.folder = folder
    self.cancellation = cancellation
  }

  /// Copies standard input to an unnamed file.
  /// - Parameter check: Called with the first bytes before anything is copied; throws if their format is not read.
  /// - Returns: A path of the file that is valid while the process runs.
  /// - Throws: ``FileError`` if the copy would take more than 95 % of the space that is free when it starts.
  func spooled(check: ([UInt8]) throws -> Void) throws -> String {
    guard isatty(0) == 0 else {
      throw UsageError("standard input is a terminal", hint: "pass a file name, or pipe a file in")
    }
    var start: [UInt8] = []
    while start.count < Self.prefixByteCount, let bytes = try next() { start += bytes }
    try check(Array(start.prefix(Self.prefixByteCount)))
    let file = try FileSystem.openUnnamedFile(in: folder)
    do { try copy(start, to: file) } catch {
      try? file.close()
      throw error
    }
    return "/proc/self/fd/\(file.rawValue)"
  }

  /// Copies the bytes that were read already, and all others.
  private func copy(_ start: [UInt8], to file: FileDescriptor) throws {
    let limit = FileSystem.freeByteCount(at: folder).map { $0 / 100 * Self.freePercentage }
    var byteCount = 0
    var piece: [UInt8]? = start
    while let bytes = piece {
      byteCount += bytes.count
      if let limit, byteCount > limit {
        throw FileError(
          "copy more than \(ByteSize(limit)) of standard input to", folder, .noSpace)
      }
      do { try file.writeAll(bytes) } catch {
        throw FileError("copy standard input to", folder, Errno(caught: error))
      }
      piece = try next()
    }
  }

  /// Returns the next bytes, or nil at the end; answers a stop request while it waits.
  private func next() throws -> [UInt8]? {
    var wait = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
    repeat { try cancellation.check() } while unsafe poll(&wait, 1, Self.pollMilliseconds) == 0
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    do {
      let count = try unsafe buffer.withUnsafeMutableBytes { bytes in
        // SAFETY: the array's memory is valid for the length of the call.
        try unsafe FileDescriptor.standardInput.read(into: bytes)
      }
      return count > 0 ? Array(buffer.prefix(count)) : nil
    } catch {
      throw FileError("read", OperationContext.standardInputName, Errno(caught: error))
    }
  }
}
