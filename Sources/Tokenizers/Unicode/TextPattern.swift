/// The pattern of a `Split` or `Replace`: a literal text or a regular expression.
enum TextPattern: Sendable {
  case literal([UInt8])
  case expression(PatternProgram)

  /// Calls `body` with each match in valid UTF-8 bytes, in order.
  func forEachMatch(
    in bytes: borrowing Span<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void
  ) throws(PatternMatcher.TooManySteps) {
    switch self {
    case .literal(let text):
      guard !text.isEmpty else { return }
      var position = range.lowerBound
      while position + text.count <= range.upperBound {
        var count = 0
        while count < text.count, bytes[position + count] == text[count] { count += 1 }
        guard count == text.count else {
          position += 1
          continue
        }
        body(position..<position + count)
        position += count
      }
    case .expression(let program):
      var matcher = PatternMatcher(program)
      try matcher.forEachMatch(in: bytes, range, body)
    }
  }

  /// Returns `bytes` with each match replaced.
  func replacing(_ bytes: [UInt8], with content: [UInt8]) throws(PatternMatcher.TooManySteps)
    -> [UInt8]
  {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var end = 0
    let span = bytes.span
    try forEachMatch(in: span, 0..<bytes.count) { match in
      result += bytes[end..<match.lowerBound]
      result += content
      end = match.upperBound
    }
    result += bytes[end...]
    return result
  }
}
