import Base

extension MutableRawSpan {
  /// Copies elements of `width` bytes (1, 2, 4 or 8) at regular distances. Offsets and strides count elements; traps if
  /// one of them leads outside of a span.
  @_lifetime(self: copy self)
  mutating func gather(
    _ source: borrowing RawSpan, from start: Int, stride: Int, to target: Int, targetStride: Int,
    count: Int, width: Int
  ) {
    guard count > 0 else { return }
    let last = start + (count - 1) * stride
    let lastTarget = target + (count - 1) * targetStride
    precondition(start >= 0 && stride >= 0 && (last + 1) * width <= source.byteCount)
    precondition(target >= 0 && targetStride >= 0 && (lastTarget + 1) * width <= byteCount)
    if stride == 1, targetStride == 1 {
      copy(source.extracting(start * width..<(start + count) * width), at: target * width)
      return
    }
    switch width {
    case 1: gather(UInt8.self, source, start, stride, target, targetStride, count)
    case 2: gather(UInt16.self, source, start, stride, target, targetStride, count)
    case 4: gather(UInt32.self, source, start, stride, target, targetStride, count)
    case 8: gather(UInt64.self, source, start, stride, target, targetStride, count)
    default: preconditionFailure("elements have 1, 2, 4 or 8 bytes")
    }
  }

  @_lifetime(self: copy self)
  private mutating func gather<Word: FixedWidthInteger & BitwiseCopyable>(
    _: Word.Type, _ source: borrowing RawSpan, _ start: Int, _ stride: Int, _ target: Int,
    _ targetStride: Int, _ count: Int
  ) {
    let size = MemoryLayout<Word>.size
    // SAFETY: the caller has compared the first and last element with both spans, and all others are between them; every
    // bit pattern is a valid integer, and unaligned access is stated.
    unsafe withUnsafeMutableBytes { destination in
      unsafe source.withUnsafeBytes { source in
        for index in 0..<count {
          let word = unsafe source.loadUnaligned(
            fromByteOffset: (start + index * stride) * size, as: Word.self)
          unsafe destination.storeBytes(
            of: word, toByteOffset: (target + index * targetStride) * size, as: Word.self)
        }
      }
    }
  }

  /// Reverses the bytes of each unit of 1, 2, 4 or 8 bytes.
  @_lifetime(self: copy self)
  mutating func swapBytes(unit: Int) {
    switch unit {
    case 2: transformWords(UInt16.self) { $0.byteSwapped }
    case 4: transformWords(UInt32.self) { $0.byteSwapped }
    case 8: transformWords(UInt64.self) { $0.byteSwapped }
    default: break
    }
  }

  /// Replaces each word; bytes after the last whole word stay as they are.
  @_lifetime(self: copy self)
  mutating func transformWords<Word: FixedWidthInteger & BitwiseCopyable>(
    _: Word.Type, _ transform: (Word) -> Word
  ) {
    let size = MemoryLayout<Word>.size
    let count = byteCount / size
    // SAFETY: each word is inside the span, every bit pattern is a valid integer, and unaligned access is stated.
    unsafe withUnsafeMutableBytes { bytes in
      for index in 0..<count {
        let word = unsafe bytes.loadUnaligned(fromByteOffset: index * size, as: Word.self)
        unsafe bytes.storeBytes(of: transform(word), toByteOffset: index * size, as: Word.self)
      }
    }
  }
}
