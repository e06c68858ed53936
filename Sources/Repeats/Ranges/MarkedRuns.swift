import Base

/// The repeated runs in parts of the joined documents, by a suffix array.
struct MarkedRuns: Sendable {
  /// The places of runs that occur at another place in the parts too.
  private(set) var starts = PositionSet()
  /// The places of runs that occur before in the parts too.
  private(set) var laterStarts = PositionSet()
  /// The number of units that were compared.
  private(set) var comparedCount = 0

  init(in regions: [Range<Int>], _ corpus: Corpus, length: Int) throws {
    var joined = PositionSet()
    for region in regions { joined.add(region) }
    joined.normalize()
    var symbols: [UInt32] = []
    for region in joined.ranges {
      symbols += try Self.symbols(region, corpus)
      // Separates regions; a run with it is in none.
      symbols.append(.max)
    }
    let (text, alphabet) = Self.ranked(symbols, corpus.unit)
    symbols = []
    let marks = SuffixArray.repeats(in: text, alphabet: alphabet, length: length)
    comparedCount = text.count
    var place = 0
    for region in joined.ranges {
      for index in 0..<max(0, region.count - length + 1) where marks[place + index] != 0 {
        let start = region.lowerBound + index
        starts.add(start..<start + 1)
        if marks[place + index] == 3 { laterStarts.add(start..<start + 1) }
      }
      place += region.count + 1
    }
  }

  private static func symbols(_ range: Range<Int>, _ corpus: Corpus) throws -> [UInt32] {
    let bytes = try corpus.bytes(range)
    switch corpus.unit {
    case .byte: return bytes.map { UInt32($0) }
    case .token:
      return (0..<range.count).map {
        bytes.rawSpan.littleEndian(UInt32.self, at: 4 * $0) ?? 0
      }
    }
  }

  /// Returns the symbols as numbers from 2 on, separators as 1, and a 0 at the end.
  private static func ranked(
    _ symbols: [UInt32], _ unit: Corpus.Unit
  ) -> (text: [Int32], alphabet: Int) {
    var text: [Int32] = []
    text.reserveCapacity(symbols.count + 1)
    switch unit {
    case .byte:
      for symbol in symbols { text.append(symbol == .max ? 1 : Int32(symbol) + 2) }
      text.append(0)
      return (text, 258)
    case .token:
      var values = symbols
      values.sort()
      var count = 0
      for index in values.indices
      where values[index] != .max && (count == 0 || values[count - 1] != values[index]) {
        values[count] = values[index]
        count += 1
      }
      for symbol in symbols {
        text.append(symbol == .max ? 1 : 2 + Int32(place(of: symbol, in: values[..<count])))
      }
      text.append(0)
      return (text, count + 2)
    }
  }

  /// Returns the index of a value in ascending ones.
  private static func place(of value: UInt32, in values: ArraySlice<UInt32>) -> Int {
    var (low, high) = (0, values.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if values[middle] <= value { low = middle } else { high = middle }
    }
    return low
  }
}
