/// The tokens of a vocabulary in the order of their bytes, to find all that start at a place of a text.
struct SortedTokens: Sendable {
  private var bytes: [UInt8] = []
  /// The end of each token in `bytes`.
  private var ends: [Int] = []
  /// The number of each token in the vocabulary.
  private var numbers: [Int32] = []
  /// The first token that starts with each byte, and the number of tokens at the end.
  private var firsts: [Int] = []

  /// - Complexity: O(*n* log *n*) for *n* tokens.
  init(_ tokens: [[UInt8]]) {
    let order = tokens.indices.sorted { tokens[$0].lexicographicallyPrecedes(tokens[$1]) }
    for index in order where !tokens[index].isEmpty {
      bytes += tokens[index]
      ends.append(bytes.count)
      numbers.append(Int32(truncatingIfNeeded: index))
    }
    var place = 0
    for byte in 0...256 {
      while place < ends.count, Int(bytes[start(place)]) < byte { place += 1 }
      firsts.append(place)
    }
  }

  @inline(__always)
  private func start(_ index: Int) -> Int { index == 0 ? 0 : ends[index - 1] }

  /// Calls `body` with the number and the end of each token that the bytes from `range.lowerBound` on start with, shortest
  /// first.
  /// - Complexity: O(*l* log *n*) for *n* tokens, the longest of which has *l* bytes.
  func forEachPrefix(
    of text: borrowing Span<UInt8>, _ range: Range<Int>, _ body: (_ number: Int, _ end: Int) -> Void
  ) {
    guard !range.isEmpty else { return }
    let first = Int(text[range.lowerBound])
    var (low, high) = (firsts[first], firsts[first + 1])
    var position = range.lowerBound + 1
    while low < high {
      let depth = position - range.lowerBound
      // A token that ends here is the first of those that start with it.
      if ends[low] - start(low) == depth {
        body(Int(numbers[low]), position)
        low += 1
      }
      guard position < range.upperBound else { return }
      low = place(low, high, depth: depth, atLeast: text[position])
      high = place(low, high, depth: depth, above: text[position])
      position += 1
    }
  }

  /// Returns the first of some tokens, which are longer than `depth`, whose byte there is `byte` or more.
  private func place(_ low: Int, _ high: Int, depth: Int, atLeast byte: UInt8) -> Int {
    var (low, high) = (low, high)
    while low < high {
      let middle = (low + high) / 2
      if bytes[start(middle) + depth] < byte { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Returns the first of some tokens whose byte is above `byte`.
  private func place(_ low: Int, _ high: Int, depth: Int, above byte: UInt8) -> Int {
    byte == .max ? high : place(low, high, depth: depth, atLeast: byte + 1)
  }
}
