import CZstd

/// Decompresses a sequence of zstd frames piece by piece.
@safe package final class ZstdStreamDecoder {
  /// The largest window that a frame may require, as a power of two: that of the highest level of zstd.
  package static let maximumWindowLog = 27
  /// The memory besides the window, in bytes.
  package static let fixedByteCount = 512 << 10

  private let context: OpaquePointer

  package init() throws(ZstdFailure) {
    guard let context = unsafe ZSTD_createDCtx() else {
      throw ZstdFailure("not enough memory for zstd")
    }
    unsafe self.context = context
    unsafe ZSTD_DCtx_setParameter(
      context, ZSTD_d_windowLogMax, Int32(Self.maximumWindowLog))
  }

  deinit { _ = unsafe ZSTD_freeDCtx(context) }

  /// The progress of a step.
  package struct Step {
    package var consumedByteCount: Int
    package var producedByteCount: Int
    /// True if a frame ended, and its checksum was right if it has one.
    package var isFrameEnd: Bool
  }

  /// Decompresses bytes from the start of `source` to the start of `target`.
  @_lifetime(target: copy target)
  package func decompress(
    _ source: borrowing RawSpan, into target: inout MutableRawSpan
  ) throws(ZstdFailure) -> Step {
    var step = Step(consumedByteCount: 0, producedByteCount: 0, isFrameEnd: false)
    // SAFETY: both regions are borrowed for the call with their true lengths.
    let result = unsafe target.withUnsafeMutableBytes { target in
      unsafe source.withUnsafeBytes { source in
        var input = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
        var output = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
        let result = unsafe ZSTD_decompressStream(context, &output, &input)
        unsafe step.consumedByteCount = input.pos
        unsafe step.producedByteCount = output.pos
        return result
      }
    }
    guard ZSTD_isError(result) == 0 else { throw ZstdFailure(code: result) }
    step.isFrameEnd = result == 0
    return step
  }

  /// Returns the window that the header of a frame requires, in bytes; nil if it is not the start of a frame.
  package static func windowByteCount(_ start: borrowing RawSpan) -> Int? {
    var header = ZSTD_frameHeader()
    // SAFETY: the region is borrowed for the call with its true length.
    let result = unsafe start.withUnsafeBytes { start in
      unsafe ZSTD_getFrameHeader(&header, start.baseAddress, start.count)
    }
    return result == 0 ? Int(exactly: header.windowSize) : nil
  }
}
