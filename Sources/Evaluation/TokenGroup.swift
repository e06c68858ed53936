import Networks

/// Tokens that run through a block together: some windows of one length, or a piece of a long text.
struct TokenGroup: Sendable, Equatable {
  /// The number of tokens of a group that holds more than one window, and of a piece of a text.
  static let tokenCount = 512

  /// The places of the tokens among all inputs.
  let tokens: Range<Int>
  let windows: Windows

  /// Returns groups of windows of one length, in order, each of about ``tokenCount`` tokens.
  /// - Parameter start: The place of the first token of the first window.
  static func groups(count: Int, length: Int, start: Int = 0) -> [TokenGroup] {
    let size = windowCount(length: length)
    return stride(from: 0, to: count, by: size).map { first in
      let end = min(count, first + size)
      return TokenGroup(
        tokens: start + first * length..<start + end * length,
        windows: Windows(sequenceCount: end - first, length: length))
    }
  }

  /// The number of windows of a group that is not the last.
  fileprivate static func windowCount(length: Int) -> Int { max(1, tokenCount / length) }

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
  /// The windows in groups of about ``TokenGroup/tokenCount`` tokens.
  var groups: [TokenGroup] { TokenGroup.groups(count: count, length: length) }

  /// The windows of the largest group.
  var largestGroup: Windows {
    Windows(sequenceCount: min(count, TokenGroup.windowCount(length: length)), length: length)
  }
}
