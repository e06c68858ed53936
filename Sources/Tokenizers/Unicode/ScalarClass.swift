/// The class of a Unicode scalar for patterns: its general category, with the control characters that are white space
/// as a class of their own.
///
/// The names and the white space are those of the Unicode Character Database, as the standard library has them.
struct ScalarClass: Equatable, Sendable {
  /// The number of the class, below 32.
  var number: UInt8

  /// Control characters that are white space: U+0009 to U+000D and U+0085.
  static let controlSpace = ScalarClass(number: 30)

  /// Returns the class of a scalar value. The result for a surrogate is the one for an unassigned scalar.
  /// - Complexity: O(1) in the basic plane.
  static func of(_ value: UInt32) -> ScalarClass {
    value < 0x1_0000
      ? ScalarClass(number: basicPlane[Int(value)]) : ScalarClass(number: computed(value))
  }

  /// The classes of all scalars of the basic plane.
  private static let basicPlane: [UInt8] = (0..<0x1_0000).map { computed($0) }

  private static func computed(_ value: UInt32) -> UInt8 {
    guard let scalar = Unicode.Scalar(value) else { return number(of: .unassigned) }
    switch value {
    case 0x09...0x0D, 0x85: return controlSpace.number
    default: return number(of: scalar.properties.generalCategory)
    }
  }

  private static func number(of category: Unicode.GeneralCategory) -> UInt8 {
    switch category {
    case .uppercaseLetter: 0
    case .lowercaseLetter: 1
    case .titlecaseLetter: 2
    case .modifierLetter: 3
    case .otherLetter: 4
    case .nonspacingMark: 5
    case .spacingMark: 6
    case .enclosingMark: 7
    case .decimalNumber: 8
    case .letterNumber: 9
    case .otherNumber: 10
    case .connectorPunctuation: 11
    case .dashPunctuation: 12
    case .openPunctuation: 13
    case .closePunctuation: 14
    case .initialPunctuation: 15
    case .finalPunctuation: 16
    case .otherPunctuation: 17
    case .mathSymbol: 18
    case .currencySymbol: 19
    case .modifierSymbol: 20
    case .otherSymbol: 21
    case .spaceSeparator: 22
    case .lineSeparator: 23
    case .paragraphSeparator: 24
    case .control: 25
    case .format: 26
    case .surrogate: 27
    case .privateUse: 28
    case .unassigned: 29
    @unknown default: 29
    }
  }
}

/// A set of classes of Unicode scalars, one bit each.
struct ScalarClasses: Equatable, Sendable {
  var bits: UInt32

  init(bits: UInt32) { self.bits = bits }

  private init(_ numbers: ClosedRange<UInt8>...) {
    bits = 0
    for range in numbers { for number in range { bits |= 1 << UInt32(number) } }
  }

  static let all = ScalarClasses(0...30)
  static let letter = ScalarClasses(0...4)
  static let mark = ScalarClasses(5...7)
  static let nonspacingMark = ScalarClasses(5...5)
  static let number = ScalarClasses(8...10)
  static let decimalNumber = ScalarClasses(8...8)
  static let otherNumber = ScalarClasses(10...10)
  static let format = ScalarClasses(26...26)
  static let control = ScalarClasses(25...25, 30...30)
  static let privateUse = ScalarClasses(28...28)
  static let punctuation = ScalarClasses(11...17)
  static let whiteSpace = ScalarClasses(22...24, 30...30)
  static let other = ScalarClasses(25...30)
  /// Letters, marks, numbers and connector punctuation.
  static let word = ScalarClasses(0...11)

  /// Returns the classes of a general category or a group of them by its short name, such as `Lu` or `L`; nil if the
  /// name is not known.
  static func named(_ name: String) -> ScalarClasses? { names[name] }

  private static let names: [String: ScalarClasses] = [
    "L": letter, "M": mark, "N": number, "P": punctuation, "S": ScalarClasses(18...21),
    "Z": ScalarClasses(22...24), "C": other,
    "Lu": ScalarClasses(0...0), "Ll": ScalarClasses(1...1), "Lt": ScalarClasses(2...2),
    "Lm": ScalarClasses(3...3), "Lo": ScalarClasses(4...4), "Mn": nonspacingMark,
    "Mc": ScalarClasses(6...6), "Me": ScalarClasses(7...7), "Nd": decimalNumber,
    "Nl": ScalarClasses(9...9), "No": ScalarClasses(10...10), "Pc": ScalarClasses(11...11),
    "Pd": ScalarClasses(12...12), "Ps": ScalarClasses(13...13), "Pe": ScalarClasses(14...14),
    "Pi": ScalarClasses(15...15), "Pf": ScalarClasses(16...16), "Po": ScalarClasses(17...17),
    "Sm": ScalarClasses(18...18), "Sc": ScalarClasses(19...19), "Sk": ScalarClasses(20...20),
    "So": ScalarClasses(21...21), "Zs": ScalarClasses(22...22), "Zl": ScalarClasses(23...23),
    "Zp": ScalarClasses(24...24), "Cc": ScalarClasses(25...25, 30...30),
    "Cf": ScalarClasses(26...26), "Cs": ScalarClasses(27...27), "Co": ScalarClasses(28...28),
    "Cn": ScalarClasses(29...29),
  ]

  var inverted: ScalarClasses { ScalarClasses(bits: Self.all.bits & ~bits) }

  func union(_ other: ScalarClasses) -> ScalarClasses { ScalarClasses(bits: bits | other.bits) }

  func contains(_ scalar: UInt32) -> Bool {
    bits & (1 << UInt32(truncatingIfNeeded: ScalarClass.of(scalar).number)) != 0
  }
}
