import CZstd

/// An error of libzstd: not enough memory, a damaged frame, or an unexpected length.
package struct ZstdFailure: Error, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }

  init(code: Int) { description = unsafe String(cString: ZSTD_getErrorName(code)) }
}

/// A compression context; only one thread may use it at a time.
@safe final class Compressor: @unchecked Sendable {
  private let context: OpaquePointer

  init() throws(ZstdFailure) {
    guard let context = unsafe ZSTD_createCCtx() else {
      throw ZstdFailure("not enough memory for zstd")
    }
    unsafe self.context = context
  }

  deinit { _ = unsafe ZSTD_freeCCtx(context) }

  /// Compresses `source` as one frame at the start of `target`. Returns nil if it does not fit.
  @_lifetime(target: copy target)
  func compress(
    _ source: borrowing RawSpan, into target: inout MutableRawSpan, _ settings: ZstdSettings
  ) throws(ZstdFailure) -> Int? {
    // SAFETY: the context is valid; all parameters are within their documented bounds.
    unsafe ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters)
    for (parameter, value) in settings.parameters {
      unsafe ZSTD_CCtx_setParameter(context, parameter, value)
    }
    // SAFETY: both regions are borrowed for the call with their true lengths.
    let result = unsafe target.withUnsafeMutableBytes { target in
      unsafe source.withUnsafeBytes { source in
        unsafe ZSTD_compress2(
          context, target.baseAddress, target.count, source.baseAddress, source.count)
      }
    }
    guard ZSTD_isError(result) != 0 else { return result }
    guard ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall else {
      throw ZstdFailure(code: result)
    }
    return nil
  }
}

/// A decompression context; only one thread may use it at a time.
@safe final class Decompressor: @unchecked Sendable {
  private let context: OpaquePointer

  init() throws(ZstdFailure) {
    guard let context = unsafe ZSTD_createDCtx() else {
      throw ZstdFailure("not enough memory for zstd")
    }
    unsafe self.context = context
  }

  deinit { _ = unsafe ZSTD_freeDCtx(context) }

  /// Decompresses a frame that fills `target` exactly.
  @_lifetime(target: copy target)
  func decompress(
    _ source: borrowing RawSpan, into target: inout MutableRawSpan
  ) throws(ZstdFailure) {
    let expected = target.byteCount
    // SAFETY: both regions are borrowed for the call with their true lengths.
    let result = unsafe target.withUnsafeMutableBytes { target in
      unsafe source.withUnsafeBytes { source in
        unsafe ZSTD_decompressDCtx(
          context, target.baseAddress, target.count, source.baseAddress, source.count)
      }
    }
    guard ZSTD_isError(result) == 0 else { throw ZstdFailure(code: result) }
    guard result == expected else {
      throw ZstdFailure("decodes to \(result) bytes, expected \(expected)")
    }
  }
}

extension ZstdSettings {
  /// Returns the memory in bytes that a compression context needs for inputs of up to `inputByteCount` bytes.
  package func contextByteCount(inputByteCount: Int) -> Int {
    var parameters = ZSTD_getCParams(level, UInt64(inputByteCount), 0)
    if literalOnly {
      // These are larger than the parameters for small inputs, which need less memory.
      parameters.windowLog = 17
      parameters.hashLog = max(6, parameters.hashLog)
    }
    return ZSTD_estimateCCtxSize_usingCParams(parameters)
  }

  fileprivate var parameters: [(ZSTD_cParameter, Int32)] {
    guard literalOnly else {
      return [(ZSTD_c_compressionLevel, level), (ZSTD_c_checksumFlag, hasChecksum ? 1 : 0)]
    }
    return [
      (ZSTD_c_compressionLevel, level), (ZSTD_c_windowLog, 17), (ZSTD_c_hashLog, 6),
      (ZSTD_c_chainLog, 6), (ZSTD_c_minMatch, 7), (ZSTD_c_strategy, Int32(ZSTD_fast.rawValue)),
    ]
  }
}
