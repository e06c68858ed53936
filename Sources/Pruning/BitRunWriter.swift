import Base
import TensorCore

/// A writer that appends runs of mask bits that may start in the middle of a byte.
struct BitRunWriter: ~Copyable {
  private var position = 0
  private var pending: UInt8 = 0
  /// A buffer for the bits of one run, starting at bit 0.
  private var run: ByteBuffer

  /// Creates a writer.
  /// - Parameter longestRun: The maximum number of elements in a run.
  init(longestRun: Int) {
    run = ByteBuffer(byteCount: Kernels.maskByteCount(elementCount: longestRun))
  }

  /// Appends a bit for each score, set if the score is over the threshold.
  /// - Parameter keepsTies: True to set the bits of scores that equal the threshold, too.
  @_lifetime(target: copy target)
  mutating func append(
    _ scores: borrowing RawSpan, threshold: UInt32, keepsTies: Bool,
    to target: inout MutableRawSpan
  ) {
    let count = scores.byteCount / 4
    guard !(position % 8 == 0) else {
      // The run starts on a byte boundary, so the kernel writes in place.
      var direct = target._mutatingExtracting(position / 8..<target.byteCount)
      Self.mark(scores, threshold, keepsTies, in: &direct)
      advance(count, &target)
      return
    }
    var bytes = run.mutableBytes
    Self.mark(scores, threshold, keepsTies, in: &bytes)
    shift(count, into: &target)
  }

  /// Appends a bit for each score, set for the `keep` largest scores of each group.
  @_lifetime(target: copy target)
  mutating func append(
    _ scores: borrowing RawSpan, keep: Int, group: Int, to target: inout MutableRawSpan
  ) {
    let count = scores.byteCount / 4
    var bytes = run.mutableBytes
    Kernels.best.patternMask(scores, keep: keep, group: group, into: &bytes)
    shift(count, into: &target)
  }

  @_lifetime(mask: copy mask)
  private static func mark(
    _ scores: borrowing RawSpan, _ threshold: UInt32, _ keepsTies: Bool,
    in mask: inout MutableRawSpan
  ) {
    let count = scores.byteCount / 4
    guard threshold > 0 || !keepsTies else {
      for byte in 0..<Kernels.maskByteCount(elementCount: count) {
        mask.storeLittleEndian(UInt8.max, at: byte)
      }
      return
    }
    _ = Kernels.best.markLargest(
      scores, threshold: keepsTies ? threshold - 1 : threshold, ties: 0, into: &mask)
  }

  /// Advances the position after bits that were written in place.
  @_lifetime(target: copy target)
  private mutating func advance(_ count: Int, _ target: inout MutableRawSpan) {
    position += count
    guard position % 8 != 0 else {
      pending = 0
      return
    }
    let last = target.bytes.littleEndian(UInt8.self, at: position / 8)!
    pending = last & ((1 << UInt8(position % 8)) - 1)
  }

  @_lifetime(target: copy target)
  private mutating func shift(_ count: Int, into target: inout MutableRawSpan) {
    let offset = position % 8
    var taken = 0
    var byte = position / 8
    var word = UInt16(pending)
    while taken < count {
      let bits = min(8, count - taken)
      let next =
        UInt16(run.bytes.littleEndian(UInt8.self, at: taken / 8)!) & ((1 << UInt16(bits)) - 1)
      word |= next << UInt16(offset)
      taken += bits
      guard offset + bits >= 8 else { break }
      target.storeLittleEndian(UInt8(truncatingIfNeeded: word), at: byte)
      byte += 1
      word >>= 8
    }
    position += count
    pending = UInt8(truncatingIfNeeded: word)
  }

  /// Writes the bits of an incomplete last byte.
  @_lifetime(target: copy target)
  func finish(_ target: inout MutableRawSpan) {
    if position % 8 != 0 { target.storeLittleEndian(pending, at: position / 8) }
  }
}
