import Base

/// Turns spaces into a visible character, such as U+2581, puts one before the text, and splits before each.
///
/// As a decoder, it turns them back.
struct Metaspace: PreTokenizer, TokenDecoder {
  /// The places at which the character is added to a text that does not start with it.
  enum Scheme: String, CaseIterable, Sendable {
    /// Before the document.
    case first
    case never
    /// Before each piece between added tokens.
    case always
  }

  let replacement: [UInt8]
  let scheme: Scheme
  let splits: Bool

  static func read(_ component: inout Component) throws -> any PreTokenizer {
    try metaspace(&component)
  }

  static func read(_ component: inout Component) throws -> any TokenDecoder {
    try metaspace(&component)
  }

  private static func metaspace(_ component: inout Component) throws -> Metaspace {
    let name = try component.string("prepend_scheme", default: Scheme.always.rawValue)
    guard var scheme = Scheme(rawValue: name) else {
      let names = Scheme.allCases.map(\.rawValue).joined(separator: ", ")
      throw component.error(
        .unsupported, "the prepend_scheme '\(name.printable)' is not known; known are \(names)")
    }
    let isStated = component.optional("prepend_scheme") != nil
    if try !component.bool("add_prefix_space", default: true) {
      guard !isStated || scheme == .never else {
        throw component.error(.file, "add_prefix_space is false, but prepend_scheme is '\(name)'")
      }
      scheme = .never
    }
    _ = try component.optionalString("str_rep")
    var replacement: [UInt8] = []
    UTF8Text.append(try component.scalar("replacement"), to: &replacement)
    return Metaspace(
      replacement: replacement, scheme: scheme, splits: try component.bool("split", default: true))
  }

  func apply(to pieces: inout Pieces) throws(PatternMatcher.TooManySteps) {
    pieces.transform { text, startsAtOrigin in
      var result: [UInt8] = []
      result.reserveCapacity(text.count + text.count / 2)
      let prepends = scheme == .always || scheme == .first && startsAtOrigin
      if prepends, text.first != 0x20, !text.starts(with: replacement) { result += replacement }
      for byte in text {
        if byte == 0x20 { result += replacement } else { result.append(byte) }
      }
      return result
    }
    if splits { try pieces.split(.mergedWithNext, at: .literal(replacement)) }
  }

  func decode(_ tokens: [[UInt8]]) throws(PatternMatcher.TooManySteps) -> [[UInt8]] {
    var result: [[UInt8]] = []
    for (index, token) in tokens.enumerated() {
      let space: [UInt8] = index == 0 && scheme != .never ? [] : [0x20]
      result.append(try TextPattern.literal(replacement).replacing(token, with: space))
    }
    return result
  }
}
