/// Suggests the intended word for a misspelled one.
package enum Nearest {
  /// The maximum number of letters of a word that is compared, because the time grows with the square of it.
  private static let letterLimit = 256

  /// Returns the nearest of `names`, or nil if more than a third of its letters differ.
  package static func name(_ word: String, of names: [String]) -> String? {
    let letterCount = word.prefix(letterLimit + 1).count
    guard letterCount <= letterLimit else { return nil }
    // The distance is at least the difference of the lengths.
    let candidates = names.filter { abs($0.count - letterCount) <= max(1, $0.count / 3) }
    guard let nearest = candidates.min(by: { distance($0, word) < distance($1, word) }) else {
      return nil
    }
    return distance(nearest, word) <= max(1, nearest.count / 3) ? nearest : nil
  }

  /// Returns up to `limit` names that are like a word: those of which less than a third of the letters differ, the
  /// nearest first, then those that contain the word, if it has at least three letters.
  package static func names(_ word: String, of names: [String], limit: Int = 3) -> [String] {
    let letterCount = word.prefix(letterLimit + 1).count
    guard letterCount <= letterLimit else { return [] }
    let near = names.enumerated().compactMap { order, name -> (distance: Int, order: Int)? in
      let least = max(1, name.count / 3)
      guard abs(name.count - letterCount) <= least else { return nil }
      let distance = distance(name, word)
      return distance <= least ? (distance, order) : nil
    }.sorted { ($0.distance, $0.order) < ($1.distance, $1.order) }.map { names[$0.order] }
    let containing = letterCount < 3 ? [] : names.filter { $0.contains(word) && !near.contains($0) }
    return Array((near + containing).prefix(limit))
  }

  /// Returns the number of insertions, deletions, replacements and swaps of neighbors that turn one word into another.
  /// - Complexity: O(*n·m*) for words of *n* and *m* letters.
  package static func distance(_ a: String, _ b: String) -> Int {
    let a = Array(a)
    let b = Array(b)
    var rows = [Array(0...b.count)]
    for i in 0..<a.count {
      var row = [i + 1]
      for j in 0..<b.count {
        var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
          best = min(best, rows[i - 1][j - 1] + 1)
        }
        row.append(best)
      }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }
}
