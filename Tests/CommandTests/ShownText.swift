/// The output of a command as a page shows it, where a line `…` stands for any omitted lines.
struct ShownText {
  static let ellipsis = "…"

  var lines: [String]
  /// True if numbers, and the width of their columns, can differ.
  var varies = false

  /// Returns true if `seen` matches the text.
  func matches(_ seen: [String]) -> Bool {
    segmentStarts(in: seen.map(normalized), isAnchored: true, by: normalized) != nil
  }

  /// Returns the lines to show for `seen`, which omit the same parts if the lines around them are found.
  func updated(from seen: [String]) -> [String] {
    guard let starts = segmentStarts(in: seen.map(Self.shape), isAnchored: false, by: Self.shape)
    else {
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
  /// - Parameter isAnchored: True if the first segment must be at the start and the last at the end.
  ///   Otherwise only an empty last segment must be at the end.
  private func segmentStarts(
    in seen: [String], isAnchored: Bool, by key: (String) -> String
  ) -> [Int]? {
    let segments = segments.map { $0.map(key) }
    var starts: [Int] = []
    var next = 0
    for (index, segment) in segments.enumerated() {
      let last = seen.count - segment.count
      guard next <= last else { return nil }
      let isFirst = index == 0 && (isAnchored || segment.isEmpty)
      let isLast = index == segments.count - 1 && (isAnchored || segment.isEmpty)
      // A text without ellipses must match all lines.
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

  /// Returns a line with its CPU levels, the file and core of OpenBLAS, numbers and runs of spaces replaced.
  private static func shape(_ line: String) -> String {
    SnapshotTests.normalized(line)
      .replacing(/\b(?:baseline|avx2|avx512)(?:, (?:avx2|avx512))*\b/, with: "LEVELS")
      .replacing(/\/[^ ,]*libopenblas[^ ,]*, core [A-Za-z]+/, with: "OPENBLAS")
      .replacing(/[0-9][0-9.,]*/, with: "N").replacing(/\s+/, with: " ")
  }
}
