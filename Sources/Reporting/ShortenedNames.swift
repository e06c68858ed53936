import Base

/// Names shortened to a number of columns such that different names stay different.
struct ShortenedNames {
  /// The names in their order, each of at most the requested width.
  private(set) var texts: [String]

  init(_ names: [String], width: Int) {
    texts = names.map { $0.shortened(to: width) }
    guard texts.indices.contains(where: { texts[$0] != names[$0] }) else { return }
    var used = Set(texts)
    var number = 0
    let groups = Dictionary(grouping: names.indices) { texts[$0] }
    for text in groups.keys.sorted() {
      guard let group = groups[text] else { continue }
      let different = Set(group.map { names[$0] }).sorted()
      guard different.count > 1 else { continue }
      let start = Self.commonPrefixCount(different)
      var short = different.map { $0.shortened(to: width, showing: start) }
      if Set(short).count < short.count || short.contains(where: used.contains) {
        short = different.map { name in
          number += 1
          return name.shortened(to: width, number: number)
        }
      }
      used.formUnion(short)
      let shortOf = Dictionary(uniqueKeysWithValues: zip(different, short))
      for index in group { texts[index] = shortOf[names[index]] ?? texts[index] }
    }
  }

  private static func commonPrefixCount(_ names: [String]) -> Int {
    // The names are sorted, so the first and the last differ the earliest.
    guard let first = names.first, let last = names.last else { return 0 }
    return zip(first, last).prefix { $0 == $1 }.count
  }
}

extension String {
  /// Returns the text with `…` in its middle if it takes more than `width` columns.
  fileprivate func shortened(to width: Int) -> String {
    guard columnCount > width else { return self }
    let kept = max(0, width - 1)
    return prefix(columns: kept / 2) + "…" + suffix(columns: kept - kept / 2)
  }

  /// Returns the shortened text with its characters from `start` on visible between its start and its end.
  fileprivate func shortened(to width: Int, showing start: Int) -> String {
    guard columnCount > width, width >= 8 else { return shortened(to: width) }
    let head = prefix(columns: width / 5)
    let tail = suffix(columns: width / 4)
    let room = width - 2 - head.columnCount - tail.columnCount
    let middle = dropFirst(max(head.count, start)).dropLast(tail.count).prefix(columns: room)
    return head + "…" + middle + "…" + tail
  }

  /// Returns the shortened text with a number in its middle.
  fileprivate func shortened(to width: Int, number: Int) -> String {
    let mark = "…\(number)…"
    let kept = max(0, width - mark.columnCount)
    return prefix(columns: kept / 2) + mark + suffix(columns: kept - kept / 2)
  }
}
