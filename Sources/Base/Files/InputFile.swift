import CLinux
import Glibc
package import SystemPackage

/// A file opened for reading, shared by all tensors that are read from it: a regular file, a part of one, or bytes that
/// are decoded from one.
///
/// Reads of a regular file use `pread`, so a file that shrinks during reading causes an error instead of a crash, and its
/// pages do not count as resident memory.
package final class InputFile: Sendable {
  /// The path, or the name that stands for it in messages.
  package let path: String
  package let byteCount: Int
  private let content: Content

  private enum Content: Sendable {
    case disk(DiskFile)
    /// A part of a regular file that starts at a byte offset.
    case part(DiskFile, byteOffset: Int)
    case decoded(any DecodedBytes, from: DiskFile)
  }

  /// - Throws: A `FileError` if `path` cannot be opened or is not a regular file; reading from a pipe would block.
  /// - Parameter name: The name in messages, if it is not the path.
  package init(path: String, name: String? = nil) throws(FileError) {
    self.path = name ?? path
    let file = try DiskFile(path: path, name: name ?? path)
    byteCount = file.byteCount
    content = .disk(file)
  }

  /// Creates a file that consists of a range of another one, such as a stored member of an archive.
  /// - Parameter path: The path in messages.
  package init(_ bytes: Range<Int>, of file: InputFile, path: String) {
    precondition(bytes.lowerBound >= 0 && bytes.upperBound <= file.byteCount)
    self.path = path
    byteCount = bytes.count
    content =
      switch file.content {
      case .disk(let disk): .part(disk, byteOffset: bytes.lowerBound)
      case .part(let disk, let start): .part(disk, byteOffset: start + bytes.lowerBound)
      case .decoded(let source, let disk):
        .decoded(DecodedPart(source: source, range: bytes), from: disk)
      }
  }

  /// Creates a file whose bytes are decoded from those of another one.
  /// - Parameter path: The path in messages.
  package init(_ bytes: any DecodedBytes, from file: InputFile, path: String) {
    self.path = path
    byteCount = bytes.byteCount
    content = .decoded(bytes, from: file.disk)
  }

  private var disk: DiskFile {
    switch content {
    case .disk(let disk), .part(let disk, _), .decoded(_, let disk): disk
    }
  }

  /// True if the bytes are decoded while they are read, so that reading in ascending order is much faster than any other.
  package var isDecoded: Bool {
    if case .decoded = content { true } else { false }
  }

  /// Returns the place of a byte in the order in which reading is fast; nil if the order does not matter.
  package func readingPlace(at byteOffset: Int) -> ReadingPlace? {
    if case .decoded(let source, _) = content { source.readingPlace(at: byteOffset) } else { nil }
  }

  /// The identity of the file on disk. Parts of one file have the same identity.
  package var identity: FileIdentity { FileIdentity(disk.stat, file: self) }

  /// Throws ``ChangedInputError`` if the file was written to, or its path leads elsewhere, since it was opened.
  package func checkUnchanged() throws { try disk.checkUnchanged(as: identity) }

  /// Fills `destination` with bytes from the file, starting at `byteOffset`.
  /// - Throws: ``FileError``; ``FormatError`` if the bytes are decoded and the encoded data are damaged.
  @_lifetime(destination: copy destination)
  package func read(at byteOffset: Int, into destination: inout MutableRawSpan) throws {
    switch content {
    case .disk(let disk): try disk.read(at: byteOffset, into: &destination)
    case .part(let disk, let start):
      try checkRange(byteOffset, destination.byteCount)
      try disk.read(at: start + byteOffset, into: &destination)
    case .decoded(let source, _):
      try checkRange(byteOffset, destination.byteCount)
      try source.read(at: byteOffset, into: &destination)
    }
  }

  /// Throws the error that a shorter file on disk would cause.
  private func checkRange(_ byteOffset: Int, _ count: Int) throws(FileError) {
    guard byteOffset >= 0, count <= byteCount - byteOffset else {
      throw FileError("read past byte \(byteCount)", path, .ioError)
    }
  }

  /// Returns `count` bytes of the file, starting at `byteOffset`.
  package func bytes(at byteOffset: Int, count: Int) throws -> [UInt8] {
    var buffer = ByteBuffer(byteCount: count)
    var span = buffer.mutableBytes
    try read(at: byteOffset, into: &span)
    return buffer.bytes.array()
  }

  /// Copies a range of bytes to `byteOffset` in another file: in the kernel if both file systems support it,
  /// otherwise through a buffer.
  package func copy(
    _ bytes: Range<Int>, to target: OutputFile, at byteOffset: Int
  ) throws {
    switch content {
    case .disk(let disk): try copy(bytes, of: disk, to: target, at: byteOffset)
    case .part(let disk, let start):
      try checkRange(bytes.lowerBound, bytes.count)
      try copy(
        bytes.lowerBound + start..<bytes.upperBound + start, of: disk, to: target, at: byteOffset)
    case .decoded: try copyThroughBuffer(bytes, to: target, at: byteOffset)
    }
  }

  private func copy(
    _ bytes: Range<Int>, of disk: DiskFile, to target: OutputFile, at byteOffset: Int
  ) throws {
    var done = 0
    while done < bytes.count {
      let count = sumac_copy_range(
        disk.descriptor.rawValue, Int64(bytes.lowerBound + done), target.descriptor.rawValue,
        Int64(byteOffset + done), Int64(bytes.count - done))
      if count > 0 {
        done += Int(count)
      } else if count < 0, errno == EINTR {
        continue
      } else if count < 0, [EXDEV, EINVAL, ENOSYS, EOPNOTSUPP, EBADF].contains(errno) {
        let whole = InputFile(disk)
        return try whole.copyThroughBuffer(
          bytes.lowerBound + done..<bytes.upperBound, to: target, at: byteOffset + done)
      } else if count == 0 {
        throw disk.endOfFile(at: bytes.lowerBound + done)
      } else {
        throw FileError("copy into", target.path, Errno(rawValue: errno))
      }
    }
  }

  private init(_ disk: DiskFile) {
    path = disk.name
    byteCount = disk.byteCount
    content = .disk(disk)
  }

  private func copyThroughBuffer(
    _ bytes: Range<Int>, to target: OutputFile, at byteOffset: Int
  ) throws {
    let pieceByteCount = min(bytes.count, 1 << 20)
    var buffer = ByteBuffer(byteCount: pieceByteCount)
    var done = 0
    while done < bytes.count {
      var span = buffer.mutableBytes
      var part = span._mutatingExtracting(0..<min(pieceByteCount, bytes.count - done))
      try read(at: bytes.lowerBound + done, into: &part)
      try target.write(part.bytes, at: byteOffset + done)
      done += part.byteCount
    }
  }

  /// Maps the whole file for reading.
  /// - Throws: ``FormatError`` if its bytes are decoded.
  package func map() throws -> MappedFile {
    switch content {
    case .disk(let disk): try MappedFile(disk, 0..<byteCount)
    case .part(let disk, let start): try MappedFile(disk, start..<start + byteCount)
    case .decoded:
      throw FormatError(
        .compressedMember,
        "is compressed by the archive that contains it, and cannot be read in place", path: path,
        hint: "unpack the archive first with: \(command: "unpack")")
    }
  }
}

/// A range of decoded bytes.
private struct DecodedPart: DecodedBytes {
  let source: any DecodedBytes
  let range: Range<Int>

  var byteCount: Int { range.count }

  func readingPlace(at byteOffset: Int) -> ReadingPlace? {
    source.readingPlace(at: range.lowerBound + byteOffset)
  }

  @_lifetime(destination: copy destination)
  func read(at byteOffset: Int, into destination: inout MutableRawSpan) throws {
    try source.read(at: range.lowerBound + byteOffset, into: &destination)
  }
}

extension FormatError.Code {
  package static let compressedMember = FormatError.Code(
    "archive.compressed-member",
    meaning: "A file that is read in place is compressed by the archive that contains it.",
    remedy: "Unpack the archive first.")
}

extension Errno {
  /// Creates the code of an error that a swift-system call threw; such calls throw only `Errno`.
  package init(caught error: any Error) { self = error as? Errno ?? .ioError }
}
