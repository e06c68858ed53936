/// A set of Unicode scalars that is tested quickly: a bitmap of ASCII, classes, and ranges.
struct ScalarSet: Equatable, Sendable {
  private(set) var asciiLow: UInt64 = 0
  private(set) var asciiHigh: UInt64 = 0
  /// The classes of scalars above ASCII that belong to the set before it is inverted.
  private(set) var classes = ScalarClasses(bits: 0)
  /// The ranges of scalars above ASCII that belong to the set before it is inverted.
  private(set) var ranges: [ClosedRange<UInt32>] = []
  private(set) var isInverted = false

  init() {}

  init(_ classes: ScalarClasses) { insert(classes) }

  /// The set of `\w` in Oniguruma: letters, marks, numbers, connector punctuation, and alphabetic symbols.
  static let word = alphabetic(.word)

  /// The set of `\w` in UTS #18: letters, marks, decimal digits and numbers of letters, connector punctuation,
  /// alphabetic symbols, and joiners.
  static let unicodeWord: ScalarSet = {
    var set = alphabetic(
      ScalarClasses(bits: ScalarClasses.word.bits & ~ScalarClasses.otherNumber.bits))
    set.insert(0x200C...0x200D)
    return set
  }()

  /// Returns the classes with the symbols that are alphabetic.
  private static func alphabetic(_ classes: ScalarClasses) -> ScalarSet {
    var set = ScalarSet(classes)
    for range: ClosedRange<UInt32> in [
      0x24B6...0x24E9, 0x1F130...0x1F149, 0x1F150...0x1F169, 0x1F170...0x1F189,
    ] {
      set.insert(range)
    }
    return set
  }

  init(_ scalar: UInt32) { insert(scalar...scalar) }

  mutating func insert(_ added: ScalarClasses) {
    for value in 0..<UInt32(128) where added.contains(value) { insertASCII(value) }
    classes = classes.union(added)
  }

  mutating func insert(_ range: ClosedRange<UInt32>) {
    for value in range.clamped(to: 0...127) where range.contains(value) { insertASCII(value) }
    if range.upperBound >= 128 {
      ranges.append(max(128, range.lowerBound)...range.upperBound)
    }
  }

  /// Adds the members of another set, which is not inverted.
  mutating func formUnion(_ other: ScalarSet) {
    precondition(!other.isInverted && !isInverted)
    asciiLow |= other.asciiLow
    asciiHigh |= other.asciiHigh
    classes = classes.union(other.classes)
    ranges += other.ranges
  }

  var inverted: ScalarSet {
    var result = self
    result.isInverted.toggle()
    result.asciiLow = ~asciiLow
    result.asciiHigh = ~asciiHigh
    return result
  }

  private mutating func insertASCII(_ value: UInt32) {
    if value < 64 { asciiLow |= 1 << UInt64(value) } else { asciiHigh |= 1 << UInt64(value - 64) }
  }

  @inline(__always)
  func contains(_ scalar: UInt32) -> Bool {
    if scalar < 64 { return asciiLow & (1 << UInt64(scalar)) != 0 }
    if scalar < 128 { return asciiHigh & (1 << UInt64(scalar - 64)) != 0 }
    return containsAboveASCII(scalar)
  }

  private func containsAboveASCII(_ scalar: UInt32) -> Bool {
    if classes.bits != 0, classes.contains(scalar) { return !isInverted }
    for range in ranges where range.contains(scalar) { return !isInverted }
    return isInverted
  }
}
