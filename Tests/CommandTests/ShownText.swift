/// What a page shows of the output of a command. A line `…` stands for any lines left out.
struct ShownText {
  static let ellipsis = "…"

  var lines: [String]
  /// Whether numbers, and the width of columns with them, may be others.
  var varies = false

  /// Whether `seen` is what the page shows.
  func matches(_ seen: [String]) -> Bool {
    place(seen.map(normalized), isAnchored: true, by: normalized) != nil
  }

  /// Returns the lines to show for `seen`, with lines left out where they were left out before if the
  /// lines around them are still found.
  func updated(from seen: [String]) -> [String] {
    guard let starts = place(seen.map(Self.shape), isAnchored: false, by: Self.shape) else {
      return seen
    }
    let kept = zip(segments, starts).map { segment, start in
      Array(seen[start..<start + segment.count])
    }
    let end = starts[starts.count - 1] + segments[segments.count - 1].count
    return Array(seen[..<starts[0]]) + kept.joined(separator: [Self.ellipsis]) + seen[end...]
  }

  /// The runs of lines between ellipses; the first and the last are empty if the text starts or ends
  /// with one.
  private var segments: [ArraySlice<String>] {
    lines.split(separator: Self.ellipsis, omittingEmptySubsequences: false)
  }

  /// Returns where each segment starts in `seen`, or nil if one of them is not found.
  /// - Parameter isAnchored: whether nothing may come before the first segment and after the last.
  ///   If not, only an empty last segment is at the end.
  private func place(
    _ seen: [String], isAnchored: Bool, by key: (String) -> String
  ) -> [Int]? {
    let segments = segments.map { $0.map(key) }
    var starts: [Int] = []
    var next = 0
    for (place, segment) in segments.enumerated() {
      let last = seen.count - segment.count
      guard next <= last else { return nil }
      let isFirst = place == 0 && (isAnchored || segment.isEmpty)
      let isLast = place == segments.count - 1 && (isAnchored || segment.isEmpty)
      // A text without ellipses is all there is.
      guard !(isFirst && isLast) || last == 0 else { return nil }
      let candidates = isFirst ? 0...0 : isLast ? last...last : next...last
      let start = candidates.first { seen[$0..<$0 + segment.count].elementsEqual(segment) }
      guard let start else { return nil }
      starts.append(start)
      next = start + segment.count
    }
    return starts
  }

  private func normalized(_ line: String) -> String {
    let line = SnapshotTests.normalized(line)
    return varies ? Self.shape(line) : line
  }

  /// A line without its numbers and the width of its columns.
  private static func shape(_ line: String) -> String {
    SnapshotTests.normalized(line)
      .replacing(/[0-9][0-9.,]*/, with: "N").replacing(/\s+/, with: " ")
  }
}
