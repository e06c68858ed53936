import Networks

/// Windows of one length that run together through a block.
struct WindowGroup: Sendable, Equatable {
  /// The number of tokens of a group that holds more than one window.
  static let tokenCount = 512

  /// The places of the tokens in the list of all inputs.
  let tokens: Range<Int>
  let shape: Windows

  /// Returns groups of windows of one length, in order, each of about 512 tokens, whatever the memory is, so that results
  /// do not depend on it.
  /// - Parameter start: The place of the first token of the first window.
  static func groups(count: Int, length: Int, start: Int = 0) -> [WindowGroup] {
    let size = max(1, tokenCount / length)
    return stride(from: 0, to: count, by: size).map { first in
      let group = first..<min(count, first + size)
      return WindowGroup(
        tokens: start + group.lowerBound * length..<start + group.upperBound * length,
        shape: Windows(sequenceCount: group.count, length: length))
    }
  }
}

extension TokenWindows {
  var groups: [WindowGroup] { WindowGroup.groups(count: count, length: length) }
}
