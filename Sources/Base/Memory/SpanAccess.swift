import Glibc

extension RawSpan {
  /// Returns the little-endian integer at `byteOffset`, or nil if it is not inside the span.
  @inlinable package func littleEndian<T: FixedWidthInteger & BitwiseCopyable>(
    _: T.Type, at byteOffset: Int
  ) -> T? {
    guard byteOffset >= 0, byteOffset <= byteCount - MemoryLayout<T>.size else { return nil }
    // SAFETY: the guard keeps the load inside the span, and every bit pattern is a valid integer.
    return T(
      littleEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: byteOffset, as: T.self))
  }

  /// Returns the bytes as an array.
  package func array() -> [UInt8] {
    // SAFETY: the borrowed region is only read.
    unsafe withUnsafeBytes { unsafe [UInt8]($0) }
  }

  /// Returns the span as F32 values.
  package func floats() -> [Float] {
    let count = byteCount / 4
    // SAFETY: the borrowed region is only read, and the array has as many values as the region.
    return unsafe withUnsafeBytes { source in
      unsafe [Float](unsafeUninitializedCapacity: count) { target, made in
        if count > 0 { _ = unsafe memcpy(target.baseAddress!, source.baseAddress!, 4 * count) }
        made = count
      }
    }
  }
}

extension [UInt8] {
  /// The array's bytes.
  package var rawSpan: RawSpan {
    @_lifetime(borrow self) borrowing get {
      // SAFETY: a byte has no padding that could be read uninitialized.
      unsafe span.bytes
    }
  }
}

extension [Float] {
  /// The bytes of the array, little-endian like all data in this package.
  @_disfavoredOverload
  package var rawSpan: RawSpan {
    @_lifetime(borrow self) borrowing get {
      // SAFETY: a float has no padding that could be read uninitialized.
      unsafe span.bytes
    }
  }
}

extension MutableRawSpan {
  /// Copies all of `source` to `byteOffset`. Traps if it does not fit.
  @_lifetime(self: copy self)
  package mutating func copy(_ source: borrowing RawSpan, at byteOffset: Int = 0) {
    precondition(byteOffset >= 0 && source.byteCount <= byteCount - byteOffset)
    let count = source.byteCount
    guard count > 0 else { return }
    // SAFETY: the precondition keeps the copy inside both spans; memmove allows overlap.
    unsafe withUnsafeMutableBytes { target in
      unsafe source.withUnsafeBytes { source in
        _ = unsafe memmove(target.baseAddress! + byteOffset, source.baseAddress!, count)
      }
    }
  }

  /// Stores an integer at `byteOffset` in little-endian order. Traps if it does not fit.
  @_lifetime(self: copy self)
  @inlinable package mutating func storeLittleEndian<T: FixedWidthInteger & BitwiseCopyable>(
    _ value: T, at byteOffset: Int
  ) {
    storeBytes(of: value.littleEndian, toByteOffset: byteOffset, as: T.self)
  }

  /// Sets all bytes of the span to `byte`.
  @_lifetime(self: copy self)
  package mutating func fill(with byte: UInt8 = 0) {
    let count = byteCount
    // SAFETY: exactly the bytes of the span are set.
    unsafe withUnsafeMutableBytes { target in
      if let base = target.baseAddress { _ = unsafe memset(base, Int32(byte), count) }
    }
  }

  /// Calls `body` with the bytes before `byteOffset` and the rest as two spans that can be used at the same time.
  ///
  /// Nested reads use this to divide scratch memory. Traps if the span is shorter than `byteOffset`.
  @_lifetime(self: copy self)
  package mutating func split<Result, Failure: Error>(
    at byteOffset: Int,
    _ body: (inout MutableRawSpan, inout MutableRawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let total = byteCount
    precondition(byteOffset >= 0 && byteOffset <= total)
    // SAFETY: the two parts do not overlap, and both end before this exclusive access does.
    return unsafe try withUnsafeMutableBytes { (whole) throws(Failure) -> Result in
      guard let base = whole.baseAddress else {
        var first = MutableRawSpan()
        var rest = MutableRawSpan()
        return try body(&first, &rest)
      }
      var first = unsafe MutableRawSpan(_unsafeStart: base, byteCount: byteOffset)
      var rest = unsafe MutableRawSpan(
        _unsafeStart: base + byteOffset, byteCount: total - byteOffset)
      return try body(&first, &rest)
    }
  }
}
