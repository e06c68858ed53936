import Base

/// The special tokens that are put around the ids of a text.
struct SpecialTokens: Equatable, Sendable {
  enum Piece: Equatable, Sendable {
    case text
    case ids([Int32])
  }

  private(set) var pieces: [Piece] = [.text]

  /// The ids before the text.
  var prefix: [Int32] { Self.ids(pieces.prefix { $0 != .text }) }
  /// The ids after the text.
  var suffix: [Int32] { Self.ids(pieces.reversed().prefix { $0 != .text }.reversed()) }

  private static func ids(_ pieces: some Sequence<Piece>) -> [Int32] {
    pieces.flatMap { if case .ids(let ids) = $0 { ids } else { [Int32]() } }
  }

  private static let names = [
    "BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing",
  ]

  /// Reads a post-processor.
  /// - Parameter isKnown: Returns true if the vocabulary has an id.
  static func read(_ component: Component, isKnown: (Int32) -> Bool) throws -> SpecialTokens {
    var component = component
    var result = SpecialTokens()
    let name = try component.type()
    switch name {
    case "ByteLevel":
      // The options concern the places of tokens in the text, which are not computed.
      for option in ["add_prefix_space", "trim_offsets", "use_regex"] {
        _ = try component.bool(option, default: true)
      }
    case "BertProcessing", "RobertaProcessing":
      if name == "RobertaProcessing" {
        for option in ["add_prefix_space", "trim_offsets"] { _ = try component.bool(option) }
      }
      result.pieces = [
        .ids([try pair("cls", &component, isKnown)]), .text,
        .ids([try pair("sep", &component, isKnown)]),
      ]
    case "TemplateProcessing": result.pieces = try template(&component, isKnown)
    case "Sequence":
      for step in try component.components("processors") {
        let next = try read(step, isKnown: isKnown)
        guard next != SpecialTokens() else { continue }
        guard result == SpecialTokens() else {
          throw component.error(.unsupported, "two of the processors add tokens, expected one")
        }
        result = next
      }
    default: throw component.unknown(name, known: names)
    }
    try component.finish()
    return result
  }

  /// Reads a token and its id in an array.
  private static func pair(
    _ key: String, _ component: inout Component, _ isKnown: (Int32) -> Bool
  ) throws -> Int32 {
    let values = try component.array(key)
    guard values.count == 2, values[0].asString != nil else {
      throw component.error(.file, "'\(key)' has another form than a token and its id")
    }
    return try id(values[1], component, isKnown)
  }

  private static func id(
    _ value: JSONValue, _ component: Component, _ isKnown: (Int32) -> Bool
  ) throws -> Int32 {
    guard let id = value.asInt.flatMap({ Int32(exactly: $0) }), isKnown(id) else {
      throw component.error(
        .vocabulary, "the id \(value.serialized()) is not in the vocabulary")
    }
    return id
  }

  private static func template(
    _ component: inout Component, _ isKnown: (Int32) -> Bool
  ) throws -> [Piece] {
    var tokens = try component.component("special_tokens")
    var pieces: [Piece] = []
    // The template for pairs of texts is not used.
    _ = try component.array("pair")
    for var piece in try component.components("single") {
      if piece.optional("Sequence") != nil {
        var sequence = try piece.component("Sequence")
        guard try sequence.string("id") == "A" else {
          throw sequence.error(.file, "the text has the id 'B', expected 'A' in a template for one")
        }
        _ = try sequence.count("type_id")
        try sequence.finish()
        pieces.append(.text)
      } else {
        var special = try piece.component("SpecialToken")
        let name = try special.string("id")
        _ = try special.count("type_id")
        try special.finish()
        var token = try tokens.component(name)
        pieces.append(
          .ids(try token.array("ids").map { try id($0, token, isKnown) }))
      }
      try piece.finish()
    }
    return pieces
  }

  /// Returns the ids of a text with the special tokens.
  func added(to ids: [Int32], _ addSpecialTokens: Bool) -> [Int32] {
    var result: [Int32] = []
    for piece in pieces {
      switch piece {
      case .text: result += ids
      case .ids(let special): if addSpecialTokens { result += special }
      }
    }
    return result
  }
}
