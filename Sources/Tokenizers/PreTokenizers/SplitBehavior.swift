/// The treatment of delimiters when a text is split.
enum SplitBehavior: String, CaseIterable, Sendable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"

  /// Reads the member `behavior`.
  static func read(
    _ component: inout Component, default standard: String? = nil
  ) throws -> SplitBehavior {
    let name = try component.string("behavior", default: standard)
    guard let behavior = SplitBehavior(rawValue: name) else {
      let names = allCases.map(\.rawValue).joined(separator: ", ")
      throw component.error(
        .unsupported, "the behavior '\(name)' is not known; known are \(names)")
    }
    return behavior
  }

  /// Appends the parts of `range`, in which `matches` are the delimiters, in order.
  /// - Parameter isInverted: True if the text between the matches are the delimiters.
  func append(
    _ matches: [Range<Int>], in range: Range<Int>, isInverted: Bool, to parts: inout [Range<Int>]
  ) {
    var all: [(range: Range<Int>, isDelimiter: Bool)] = []
    all.reserveCapacity(2 * matches.count + 1)
    var end = range.lowerBound
    for match in matches {
      if end != match.lowerBound { all.append((end..<match.lowerBound, isInverted)) }
      all.append((match, !isInverted))
      end = match.upperBound
    }
    if end != range.upperBound { all.append((end..<range.upperBound, isInverted)) }
    switch self {
    case .isolated: for part in all { parts.append(part.range) }
    case .removed: for part in all where !part.isDelimiter { parts.append(part.range) }
    case .contiguous, .mergedWithPrevious, .mergedWithNext: merge(all, &parts)
    }
  }

  private func merge(
    _ all: [(range: Range<Int>, isDelimiter: Bool)], _ parts: inout [Range<Int>]
  ) {
    var merged: [Range<Int>] = []
    var wasDelimiter = false
    for part in self == .mergedWithNext ? all.reversed() : all {
      let joins =
        self == .contiguous
        ? part.isDelimiter == wasDelimiter : part.isDelimiter && !wasDelimiter
      wasDelimiter = part.isDelimiter
      if joins, let last = merged.popLast() {
        merged.append(
          min(last.lowerBound, part.range.lowerBound)..<max(last.upperBound, part.range.upperBound))
      } else {
        merged.append(part.range)
      }
    }
    parts += self == .mergedWithNext ? merged.reversed() : merged
  }
}
