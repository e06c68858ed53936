/// A sequence of token ids that is read once, in order.
package protocol TokenReader {
  /// Returns the next ids: at least one and at most `maximumCount`, which is above 0, or none at the end.
  /// - Throws: `FormatError` for malformed data and ids that are not in the vocabulary; `FileError`.
  mutating func next(_ maximumCount: Int) throws -> [Int32]
}

extension TokenReader {
  /// Returns the next window of exactly `count` ids; nil if fewer are left, which are then dropped.
  /// - Parameter count: Above 0.
  package mutating func nextWindow(_ count: Int) throws -> [Int32]? {
    precondition(count > 0)
    var window: [Int32] = []
    window.reserveCapacity(count)
    while window.count < count {
      let ids = try next(count - window.count)
      if ids.isEmpty { return nil }
      window += ids
    }
    return window
  }
}
