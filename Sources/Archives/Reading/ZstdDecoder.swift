import Base
import LibArchive
import Zstd

/// A decoder of a file of zstd frames.
final class ZstdDecoder: ByteDecoder {
  private let file: InputFile
  private let decoder: ZstdStreamDecoder
  private var input: ZstdInput
  private var isInFrame = false
  private var decodedByteCount = 0
  /// Called at the end of each frame with the offsets of the next one, encoded and decoded.
  private let onFrameEnd: (_ encoded: Int, _ decoded: Int) -> Void

  /// - Parameter byteOffset: The start of a frame.
  init(
    _ file: InputFile, from byteOffset: Int = 0,
    onFrameEnd: @escaping (_ encoded: Int, _ decoded: Int) -> Void = { _, _ in }
  ) throws {
    self.file = file
    self.onFrameEnd = onFrameEnd
    input = ZstdInput(from: byteOffset)
    do { decoder = try ZstdStreamDecoder() } catch {
      throw FormatError(.damagedArchive, "cannot be decompressed: \(error)", path: file.path)
    }
  }

  /// Returns the memory of a decoder for a file, in bytes.
  static func memoryByteCount(_ file: InputFile) throws -> Int {
    let start = try file.bytes(at: 0, count: min(18, file.byteCount))
    let window = ZstdStreamDecoder.windowByteCount(start.rawSpan) ?? 0
    return ZstdInput.byteCount + ZstdStreamDecoder.fixedByteCount
      + min(window, 1 << ZstdStreamDecoder.maximumWindowLog)
  }

  @_lifetime(target: copy target)
  func read(into target: inout MutableRawSpan) throws -> Int {
    while true {
      let hasInput = try input.fill(from: file)
      guard hasInput || isInFrame else { return 0 }
      let step: ZstdStreamDecoder.Step
      do { step = try input.decompress(decoder, into: &target) } catch {
        throw FormatError(
          .damagedArchive, "cannot be decompressed: \(error)", path: file.path,
          byteOffset: input.byteOffset)
      }
      isInFrame = !step.isFrameEnd
      decodedByteCount += step.producedByteCount
      if step.isFrameEnd { onFrameEnd(input.byteOffset, decodedByteCount) }
      if step.producedByteCount > 0 { return step.producedByteCount }
      // The decoder may hold decoded bytes after the last input; without them the frame is not complete.
      guard hasInput || step.isFrameEnd else {
        throw FormatError(
          .damagedArchive, "ends inside of compressed data", path: file.path,
          byteOffset: file.byteCount)
      }
    }
  }
}

/// The encoded bytes that were read and not decoded yet.
private struct ZstdInput: ~Copyable {
  static let byteCount = 256 << 10

  private var buffer = ByteBuffer(byteCount: byteCount)
  private var rest = 0..<0
  /// The offset of the bytes after the buffer.
  private var nextOffset: Int

  init(from byteOffset: Int) { nextOffset = byteOffset }

  /// The offset of the next byte to decode.
  var byteOffset: Int { nextOffset - rest.count }

  /// Reads more if all bytes are decoded; returns false at the end of the file.
  mutating func fill(from file: InputFile) throws -> Bool {
    guard rest.isEmpty else { return true }
    let start = nextOffset
    let count = min(Self.byteCount, file.byteCount - start)
    guard count > 0 else { return false }
    var span = buffer.mutableBytes
    var part = span._mutatingExtracting(0..<count)
    try file.read(at: start, into: &part)
    nextOffset = start + count
    rest = 0..<count
    return true
  }

  @_lifetime(target: copy target)
  mutating func decompress(
    _ decoder: ZstdStreamDecoder, into target: inout MutableRawSpan
  ) throws(ZstdFailure) -> ZstdStreamDecoder.Step {
    let step = try decoder.decompress(buffer.bytes.extracting(rest), into: &target)
    rest = rest.lowerBound + step.consumedByteCount..<rest.upperBound
    return step
  }
}
