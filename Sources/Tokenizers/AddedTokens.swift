/// The tokens that are found in a text before it is split, such as `<s>`, and a trie to find them.
struct AddedTokens: Sendable {
  struct Token: Equatable, Sendable {
    var id: Int32
    /// The text that is found: the content, normalized if the token asks for it.
    var text: [UInt8]
    var isSpecial: Bool
    /// True if the token is found only where no letter or digit is next to it.
    var isSingleWord: Bool
    /// True if the token takes the white space before it.
    var stripsLeft: Bool
    /// True if the token takes the white space after it.
    var stripsRight: Bool
  }

  /// A part of a text: an added token, or the text between two.
  struct Part: Equatable, Sendable {
    var range: Range<Int>
    var id: Int32?
  }

  private var tokens: [Token] = []
  /// The next node for a node and a byte.
  private var edges: [UInt64: Int32] = [:]
  /// The next node for each byte from the root, or -1.
  private var rootEdges = [Int32](repeating: -1, count: 256)
  /// The index of the token that ends at a node, or -1.
  private var ends: [Int32] = [-1]

  var isEmpty: Bool { tokens.isEmpty }

  /// Adds a token. Returns false if another one has the same text, or it is empty.
  mutating func insert(_ token: Token) -> Bool {
    var node: Int32 = 0
    for byte in token.text {
      if let next = next(node, byte) {
        node = next
        continue
      }
      let new = Int32(truncatingIfNeeded: ends.count)
      ends.append(-1)
      edges[UInt64(node) << 8 | UInt64(byte)] = new
      if node == 0 { rootEdges[Int(byte)] = new }
      node = new
    }
    guard node != 0, ends[Int(node)] < 0 else { return false }
    ends[Int(node)] = Int32(truncatingIfNeeded: tokens.count)
    tokens.append(token)
    return true
  }

  @inline(__always)
  private func next(_ node: Int32, _ byte: UInt8) -> Int32? {
    if node == 0 { return rootEdges[Int(byte)] < 0 ? nil : rootEdges[Int(byte)] }
    return edges[UInt64(node) << 8 | UInt64(byte)]
  }

  /// Returns the parts of valid UTF-8 bytes: leftmost tokens, and the longest of those that start at the same place.
  /// A token that may not stand where it is found hides those that start inside it.
  /// - Complexity: O(*n* · *l*) for *n* bytes and tokens of up to *l* bytes.
  func parts(_ bytes: borrowing Span<UInt8>) -> [Part] {
    var parts: [Part] = []
    var end = 0
    var position = 0
    while position < bytes.count {
      guard let (token, stop) = longest(bytes, at: position) else {
        position += 1
        continue
      }
      let start = position
      position = stop
      if token.isSingleWord, touchesWord(bytes, start..<stop) { continue }
      let lower = token.stripsLeft ? max(end, whiteSpaceStart(bytes, before: start)) : start
      let upper = token.stripsRight ? whiteSpaceEnd(bytes, after: stop) : stop
      // A token of white space may lie in what the token before it took.
      guard lower < upper else { continue }
      if end < lower { parts.append(Part(range: end..<lower)) }
      parts.append(Part(range: lower..<upper, id: token.id))
      end = upper
    }
    if end < bytes.count { parts.append(Part(range: end..<bytes.count)) }
    return parts
  }

  private func longest(_ bytes: borrowing Span<UInt8>, at start: Int) -> (Token, end: Int)? {
    var node = rootEdges[Int(bytes[start])]
    guard node >= 0 else { return nil }
    var position = start + 1
    var found: (Int, end: Int)?
    while true {
      if ends[Int(node)] >= 0 { found = (Int(ends[Int(node)]), position) }
      guard position < bytes.count, let following = next(node, bytes[position]) else { break }
      node = following
      position += 1
    }
    return found.map { (tokens[$0.0], $0.end) }
  }

  private func touchesWord(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> Bool {
    if range.lowerBound > 0 {
      let before = UTF8Text.start(before: range.lowerBound, bytes)
      if ScalarSet.unicodeWord.contains(UTF8Text.scalar(bytes, at: before).value) { return true }
    }
    return range.upperBound < bytes.count
      && ScalarSet.unicodeWord.contains(UTF8Text.scalar(bytes, at: range.upperBound).value)
  }

  private func whiteSpaceStart(_ bytes: borrowing Span<UInt8>, before end: Int) -> Int {
    var start = end
    while start > 0 {
      let previous = UTF8Text.start(before: start, bytes)
      guard ScalarClasses.whiteSpace.contains(UTF8Text.scalar(bytes, at: previous).value) else {
        break
      }
      start = previous
    }
    return start
  }

  private func whiteSpaceEnd(_ bytes: borrowing Span<UInt8>, after start: Int) -> Int {
    var end = start
    while end < bytes.count {
      let scalar = UTF8Text.scalar(bytes, at: end)
      guard ScalarClasses.whiteSpace.contains(scalar.value) else { break }
      end += scalar.count
    }
    return end
  }
}
