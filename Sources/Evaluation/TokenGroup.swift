import Networks

/// Tokens that run through a block together: some windows, or a piece of a long text.
struct TokenGroup: Sendable, Equatable {
  /// The number of tokens of a group that holds more than one window, and of a piece of a text.
  static let tokenCount = 512

  /// The places of the tokens among all inputs.
  let tokens: Range<Int>
  let windows: Windows

  /// Returns the pieces of a text of `count` inputs, the first of which has the position `start`.
  static func pieces(of count: Int, from start: Int) -> [TokenGroup] {
    stride(from: 0, to: count, by: tokenCount).map { first in
      let tokens = first..<min(count, first + tokenCount)
      return TokenGroup(
        tokens: tokens, windows: Windows(length: tokens.count, start: start + first))
    }
  }

  /// The last piece of a text of `count` inputs if it were a whole one: no piece needs more memory.
  static func largestPiece(of count: Int, from start: Int) -> Windows {
    let length = min(count, tokenCount)
    return Windows(length: length, start: start + count - length)
  }
}

extension TokenWindows {
  /// The number of windows of a group.
  private var groupSize: Int { max(1, TokenGroup.tokenCount / length) }

  /// The windows in groups of about ``TokenGroup/tokenCount`` tokens.
  var groups: [TokenGroup] {
    stride(from: 0, to: count, by: groupSize).map { first in
      let end = min(count, first + groupSize)
      return TokenGroup(
        tokens: first * length..<end * length,
        windows: Windows(sequenceCount: end - first, length: length))
    }
  }

  /// The windows of the largest group.
  var largestGroup: Windows {
    Windows(sequenceCount: min(count, groupSize), length: length)
  }
}
