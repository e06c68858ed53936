/// The pieces of a run of bytes whose CRC-32 is known or being computed.
///
/// Neighbours are merged, so there are few pieces unless reads are scattered.
struct CRC32Pieces: Sendable {
  private struct Piece {
    var bytes: Range<Int>
    /// Nil while it is being computed.
    var crc: UInt32?
  }

  /// Disjoint pieces in ascending order.
  private var pieces: [Piece] = []

  /// Marks the parts of `bytes` that no piece contains as being computed, and returns them.
  mutating func claim(_ bytes: Range<Int>) -> [Range<Int>] {
    var claimed: [Range<Int>] = []
    var index = firstIndex(endingAfter: bytes.lowerBound)
    var start = bytes.lowerBound
    while start < bytes.upperBound {
      let next = index < pieces.count ? pieces[index].bytes : Int.max..<Int.max
      let end = min(bytes.upperBound, next.lowerBound)
      if start < end {
        claimed.append(start..<end)
        pieces.insert(Piece(bytes: start..<end), at: index)
        index += 1
      }
      start = max(end, min(bytes.upperBound, next.upperBound))
      index += 1
    }
    return claimed
  }

  /// Records the CRC-32 of a claimed part.
  mutating func complete(_ bytes: Range<Int>, _ crc: UInt32) {
    let index = firstIndex(endingAfter: bytes.lowerBound)
    pieces[index].crc = crc
    merge(index)
    if index > 0 { merge(index - 1) }
  }

  /// Merges a piece with the next one if both are known and adjoin.
  private mutating func merge(_ index: Int) {
    guard index + 1 < pieces.count, let first = pieces[index].crc,
      let second = pieces[index + 1].crc
    else { return }
    let (left, right) = (pieces[index].bytes, pieces[index + 1].bytes)
    guard left.upperBound == right.lowerBound else { return }
    pieces[index] = Piece(
      bytes: left.lowerBound..<right.upperBound,
      crc: CRC32.combined(first, second, secondByteCount: right.count))
    pieces.remove(at: index + 1)
  }

  private func firstIndex(endingAfter byteOffset: Int) -> Int {
    var (low, high) = (0, pieces.count)
    while low < high {
      let middle = (low + high) / 2
      if pieces[middle].bytes.upperBound > byteOffset { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// Returns the CRC-32 of `byteCount` bytes from the first one, if all of them are known.
  func crc32(ofFirst byteCount: Int) -> UInt32? {
    guard byteCount > 0 else { return 0 }
    guard pieces.count == 1, pieces[0].bytes == 0..<byteCount else { return nil }
    return pieces[0].crc
  }
}
