/// A normalization form of Unicode (UAX #15).
enum NormalForm: String, CaseIterable, Sendable {
  case nfc = "NFC"
  case nfd = "NFD"
  case nfkc = "NFKC"
  case nfkd = "NFKD"

  /// Returns `scalars` in this form.
  /// - Complexity: O(*n*), and O(*m* log *m*) for *m* marks on one letter.
  func applied(to scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(scalars.count)
    let isCompatibility = self == .nfkc || self == .nfkd
    for scalar in scalars {
      Decomposition.append(scalar, isCompatibility: isCompatibility, to: &result)
    }
    Self.reorder(&result)
    return self == .nfc || self == .nfkc ? Self.composed(result) : result
  }

  private static func combiningClass(_ scalar: Unicode.Scalar) -> UInt8 {
    scalar.value < 0x300 ? 0 : scalar.properties.canonicalCombiningClass.rawValue
  }

  /// Sorts each run of marks by their combining classes; marks of the same class keep their order.
  private static func reorder(_ scalars: inout [Unicode.Scalar]) {
    var start = 0
    while start < scalars.count {
      guard combiningClass(scalars[start]) != 0 else {
        start += 1
        continue
      }
      var end = start + 1
      while end < scalars.count, combiningClass(scalars[end]) != 0 { end += 1 }
      if end - start > 1 {
        let marks = scalars[start..<end].map { (class: combiningClass($0), scalar: $0) }
        let sorted = marks.enumerated().sorted {
          ($0.element.class, $0.offset) < ($1.element.class, $1.offset)
        }
        for (index, mark) in sorted.enumerated() { scalars[start + index] = mark.element.scalar }
      }
      start = end
    }
  }

  private static func composed(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(scalars.count)
    var starter: Int?
    var lastClass: UInt8 = 0
    for scalar in scalars {
      let current = combiningClass(scalar)
      if let starter {
        let isAdjacent = starter == result.count - 1
        if isAdjacent || lastClass < current,
          let composite = Decomposition.composite(result[starter], scalar)
        {
          result[starter] = composite
          continue
        }
      }
      if current == 0 { starter = result.count }
      lastClass = current
      result.append(scalar)
    }
    return result
  }
}
