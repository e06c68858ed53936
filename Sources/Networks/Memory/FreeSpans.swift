/// The free parts of the regions of an arena, by their addresses.
///
/// A span is mapped if its pages were used since the system provided them. Neighbours of the same kind are one span.
struct FreeSpans: Sendable {
  struct Span: Sendable {
    var start: Int
    var byteCount: Int
    var isMapped: Bool
    /// Larger for spans that were freed later.
    var age: Int
    var end: Int { start + byteCount }
  }

  /// In the order of addresses.
  private(set) var spans: [Span] = []
  /// The number of mapped bytes.
  private(set) var mappedByteCount = 0
  private var age = 0

  /// Adds free memory, which no span contains.
  /// - Complexity: O(spans).
  mutating func add(_ start: Int, byteCount: Int, isMapped: Bool) {
    age += 1
    insert(Span(start: start, byteCount: byteCount, isMapped: isMapped, age: age))
    if isMapped { mappedByteCount += byteCount }
  }

  private mutating func insert(_ span: Span) {
    var (index, span) = (spans.firstIndex { $0.start > span.start } ?? spans.count, span)
    if index < spans.count, spans[index].isMapped == span.isMapped, spans[index].start == span.end {
      span.byteCount += spans.remove(at: index).byteCount
    }
    if index > 0, spans[index - 1].isMapped == span.isMapped, spans[index - 1].end == span.start {
      index -= 1
      span.byteCount += spans[index].byteCount
      span.start = spans[index].start
      spans.remove(at: index)
    }
    spans.insert(span, at: index)
  }

  /// Removes memory from the spans: from the smallest mapped one that has it, otherwise from the smallest run of
  /// neighbours.
  /// - Returns: The address; nil if no run is large enough.
  /// - Complexity: O(spans).
  mutating func take(_ byteCount: Int) -> Int? {
    var best: (index: Int, size: Int)?
    for (index, span) in spans.enumerated()
    where span.isMapped && span.byteCount >= byteCount && span.byteCount < best?.size ?? .max {
      best = (index, span.byteCount)
    }
    guard let index = best?.index ?? smallestRun(byteCount) else { return nil }
    let start = spans[index].start
    var rest = byteCount
    while rest > 0 {
      let part = min(rest, spans[index].byteCount)
      if spans[index].isMapped { mappedByteCount -= part }
      rest -= part
      if part == spans[index].byteCount {
        spans.remove(at: index)
      } else {
        spans[index].start += part
        spans[index].byteCount -= part
      }
    }
    return start
  }

  /// Returns the first span of the smallest run of neighbours with this size.
  private func smallestRun(_ byteCount: Int) -> Int? {
    var best: (index: Int, size: Int)?
    var (first, size) = (0, 0)
    for (index, span) in spans.enumerated() {
      if index == 0 || spans[index - 1].end != span.start { (first, size) = (index, 0) }
      size += span.byteCount
      let isLast = index + 1 == spans.count || spans[index + 1].start != span.end
      if isLast, size >= byteCount, size < best?.size ?? .max { best = (first, size) }
    }
    return best?.index
  }

  /// Marks memory as not mapped: at most `byteCount` bytes at the end of the span that was freed first.
  /// - Returns: The addresses; nil if no span is mapped.
  mutating func unmap(_ byteCount: Int) -> Range<Int>? {
    guard
      let index = spans.indices.filter({ spans[$0].isMapped })
        .min(by: { spans[$0].age < spans[$1].age })
    else { return nil }
    let part = min(byteCount, spans[index].byteCount)
    let range = spans[index].end - part..<spans[index].end
    let age = spans[index].age
    mappedByteCount -= part
    spans[index].byteCount -= part
    if spans[index].byteCount == 0 { spans.remove(at: index) }
    insert(Span(start: range.lowerBound, byteCount: part, isMapped: false, age: age))
    return range
  }
}
