import Base
import Checkpoints
import TensorCore

/// A source that reverses the bytes of each word of another source.
struct SwappedTensorSource: TensorSource {
  let stored: any TensorSource
  /// The number of bytes of a word: 2, 4 or 8.
  let wordByteCount: Int

  func scratchByteCount(elementCount: Int) -> Int {
    stored.scratchByteCount(elementCount: elementCount)
  }

  var readingPlace: ReadingPlace? { stored.readingPlace }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try stored.read(elements, into: &values, scratch: &scratch)
    values.reverseWords(byteCount: wordByteCount)
  }
}

extension MutableRawSpan {
  /// Reverses the bytes of each word of 2, 4 or 8 bytes.
  @_lifetime(self: copy self)
  mutating func reverseWords(byteCount: Int) {
    switch byteCount {
    case 2: reverseWords(UInt16.self)
    case 4: reverseWords(UInt32.self)
    case 8: reverseWords(UInt64.self)
    default: break
    }
  }

  @_lifetime(self: copy self)
  private mutating func reverseWords<Word: FixedWidthInteger & BitwiseCopyable>(_: Word.Type) {
    for offset in stride(from: 0, to: byteCount, by: MemoryLayout<Word>.size) {
      guard let word = bytes.littleEndian(Word.self, at: offset) else { return }
      storeLittleEndian(word.byteSwapped, at: offset)
    }
  }
}
