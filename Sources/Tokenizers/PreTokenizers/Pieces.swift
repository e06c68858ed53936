/// A text that is split into pieces.
struct Pieces: Sendable {
  /// A part of the text.
  struct Piece: Equatable, Sendable {
    var range: Range<Int>
    /// True if the piece starts with the first character of the document, or with something inserted before it.
    var startsAtOrigin: Bool
  }

  /// Valid UTF-8.
  private(set) var bytes: [UInt8]
  /// The pieces in order; none is empty.
  private(set) var pieces: [Piece]

  init(_ text: NormalizedText) {
    bytes = text.bytes
    pieces =
      bytes.isEmpty ? [] : [Piece(range: 0..<bytes.count, startsAtOrigin: text.startsAtOrigin)]
  }

  /// Replaces each piece by the parts that `body` returns for it, in order. Empty parts are dropped.
  mutating func split<Failure: Error>(
    _ body: (borrowing Span<UInt8>, Range<Int>, inout [Range<Int>]) throws(Failure) -> Void
  ) throws(Failure) {
    var result: [Piece] = []
    result.reserveCapacity(pieces.count)
    var parts: [Range<Int>] = []
    let text = bytes
    let span = text.span
    for piece in pieces {
      parts.removeAll(keepingCapacity: true)
      try body(span, piece.range, &parts)
      for part in parts where !part.isEmpty {
        result.append(
          Piece(
            range: part,
            startsAtOrigin: piece.startsAtOrigin && part.lowerBound == piece.range.lowerBound))
      }
    }
    pieces = result
  }

  /// Replaces the text of each piece.
  mutating func transform(_ body: (ArraySlice<UInt8>, _ startsAtOrigin: Bool) -> [UInt8]) {
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count)
    for index in pieces.indices {
      let start = text.count
      text += body(bytes[pieces[index].range], pieces[index].startsAtOrigin)
      pieces[index].range = start..<text.count
    }
    bytes = text
    pieces.removeAll(where: \.range.isEmpty)
  }

  /// Turns each byte into the scalar that stands for it.
  mutating func encodeBytes() {
    guard !pieces.isEmpty else { return }
    let first = pieces[0].range.lowerBound
    let isWhole = zip(pieces, pieces.dropFirst()).allSatisfy {
      $0.range.upperBound == $1.range.lowerBound
    }
    guard isWhole else { return transform { text, _ in ByteAlphabet.encoded(text) } }
    // Adjacent pieces are encoded at once; a boundary moves by the number of bytes that need two.
    let scalars = ByteAlphabet.scalars
    let old = bytes
    bytes = ByteAlphabet.encoded(old[first..<pieces[pieces.count - 1].range.upperBound])
    var start = 0
    for index in pieces.indices {
      var count = 0
      for byte in old[pieces[index].range] { count += scalars[Int(byte)] < 0x80 ? 1 : 2 }
      pieces[index].range = start..<start + count
      start += count
    }
  }
}
