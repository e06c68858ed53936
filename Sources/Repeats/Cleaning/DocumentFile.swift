import Base
import Zstd

/// A file of documents that is written from its start to its end, perhaps compressed.
final class DocumentFile {
  /// The suffix of files that are compressed.
  static let compressedSuffix = ".zst"
  /// The bytes of a zstd frame before compression.
  private static let frameByteCount = 1 << 20

  private let file: OutputFile
  private let zstd: Zstd?
  private var pending: [UInt8] = []
  private var byteCount = 0

  /// - Parameter name: The name of the file, whose suffix decides whether it is compressed.
  init(_ file: OutputFile, name: String) {
    self.file = file
    zstd = name.hasSuffix(Self.compressedSuffix) ? Zstd() : nil
  }

  func append(_ bytes: some Collection<UInt8>) throws {
    pending += bytes
    if pending.count >= Self.frameByteCount { try flush() }
  }

  /// Writes what is still in memory.
  func finish() throws {
    if !pending.isEmpty || (zstd != nil && byteCount == 0) { try flush() }
  }

  private func flush() throws {
    let bytes = pending
    pending.removeAll(keepingCapacity: true)
    guard let zstd else {
      try file.write(bytes.rawSpan, at: byteCount)
      byteCount += bytes.count
      return
    }
    for start in stride(from: 0, to: max(1, bytes.count), by: Self.frameByteCount) {
      let content = Array(bytes[start..<min(bytes.count, start + Self.frameByteCount)])
      var frame = ByteBuffer(byteCount: content.count + content.count / 128 + 1024)
      var target = frame.mutableBytes
      guard let count = try zstd.compress(content.rawSpan, into: &target, .archive) else {
        preconditionFailure("a frame is never larger than the bound of zstd")
      }
      let result = Array(frame.bytes.array()[..<count])
      try file.write(result.rawSpan, at: byteCount)
      byteCount += count
    }
  }
}
