import CZstd
import Synchronization

/// An interface to libzstd that keeps its contexts for later calls.
package final class Zstd: Sendable {
  private let compressors = Mutex<[Compressor]>([])
  private let decompressors = Mutex<[Decompressor]>([])

  package init() {}

  /// The version of the library in use, such as `1.5.4`.
  package static var version: String { unsafe String(cString: ZSTD_versionString()) }

  /// Returns the decoded length that the header of a frame states, or nil if it states none or is not a frame.
  package static func contentByteCount(_ frame: borrowing RawSpan) -> Int? {
    // SAFETY: the region is borrowed for the call with its true length.
    let count = unsafe frame.withUnsafeBytes { frame in
      unsafe ZSTD_getFrameContentSize(frame.baseAddress, frame.count)
    }
    // The two codes for "unknown" and "error" are the highest numbers.
    return count < UInt64(Int.max) ? Int(count) : nil
  }

  /// Throws unless the bytes are exactly one frame, without a dictionary and with a window within the limit.
  private static func checkIsOneFrame(_ frame: borrowing RawSpan) throws(ZstdFailure) {
    var header = ZSTD_frameHeader()
    // SAFETY: the region is borrowed for both calls with its true length.
    let (result, length) = unsafe frame.withUnsafeBytes { frame in
      unsafe (
        ZSTD_getFrameHeader(&header, frame.baseAddress, frame.count),
        ZSTD_findFrameCompressedSize(frame.baseAddress, frame.count)
      )
    }
    guard result == 0, header.frameType == ZSTD_frame else {
      throw ZstdFailure("is not a zstd frame")
    }
    guard length == frame.byteCount else { throw ZstdFailure("is not exactly one zstd frame") }
    guard header.dictID == 0, header.windowSize <= UInt64(maximumWindowByteCount) else {
      throw ZstdFailure("needs a dictionary or a window larger than 8 MiB")
    }
  }

  /// Compresses `source` to the start of `target` as one frame.
  ///
  /// - Returns: The length of the frame, or nil if it does not fit in `target`.
  @_lifetime(target: copy target)
  package func compress(
    _ source: borrowing RawSpan, into target: inout MutableRawSpan, _ settings: ZstdSettings
  ) throws(ZstdFailure) -> Int? {
    let idle = compressors.withLock { $0.popLast() }
    let compressor = if let idle { idle } else { try Compressor() }
    defer { compressors.withLock { $0.append(compressor) } }
    return try compressor.compress(source, into: &target, settings)
  }

  /// The largest window that a frame may require.
  package static let maximumWindowByteCount = 8 << 20

  /// Decompresses one frame that must decode to exactly the length of `target`.
  @_lifetime(target: copy target)
  package func decompress(
    _ source: borrowing RawSpan, into target: inout MutableRawSpan
  ) throws(ZstdFailure) {
    try Self.checkIsOneFrame(source)
    let idle = decompressors.withLock { $0.popLast() }
    let decompressor = if let idle { idle } else { try Decompressor() }
    defer { decompressors.withLock { $0.append(decompressor) } }
    try decompressor.decompress(source, into: &target)
  }
}
