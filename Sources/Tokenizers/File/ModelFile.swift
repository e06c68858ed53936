import Base

/// The member `model` of a tokenizer file.
struct ModelFile {
  struct Entry {
    var token: [UInt8]
    var id: Int32
    var byteOffset: Int
  }

  struct Merge {
    var left: [UInt8]
    var right: [UInt8]
    var byteOffset: Int
  }

  /// The members other than `vocab` and `merges`.
  var component: Component
  var vocabulary: [Entry]
  /// The score of each token, if the vocabulary has scores in place of ids.
  var scores: [Double]?
  var merges: [Merge]?
  private var hasMembers: [String: Bool]

  func error(_ fault: TokenizerFault, _ reason: String, byteOffset: Int) -> FormatError {
    FormatError(fault, "model: \(reason)", path: component.path, byteOffset: byteOffset)
  }

  /// Returns the type of the model. Old files do not state it; other members then show it.
  func type() throws -> String {
    if hasMembers["type"] == true { return try component.type() }
    if merges != nil { return "BPE" }
    if scores != nil { return "Unigram" }
    return hasMembers["max_input_chars_per_word"] == true ? "WordPiece" : "WordLevel"
  }

  /// Reads the model, which is the next value.
  static func read(_ reader: inout JSONReader, path: String) throws -> ModelFile {
    var options = JSONObject()
    var vocabulary: [Entry]?
    var scores: [Double]?
    var merges: [Merge]?
    try reader.enterObject()
    while let key = try reader.nextKey() {
      let byteOffset = reader.keyByteOffset
      let isNew: Bool
      switch key {
      case "vocab":
        isNew = vocabulary == nil
        if try reader.peekKind() == .array {
          (vocabulary, scores) = try scoredEntries(&reader, path: path)
        } else {
          vocabulary = try entries(&reader, path: path)
        }
      case "merges":
        isNew = merges == nil
        merges = try mergeList(&reader, path: path)
      default: isNew = options.append(key, try reader.readValue())
      }
      guard isNew else { throw JSONError(.duplicateKey(key), at: byteOffset) }
    }
    let component = try Component.read(.object(options), place: "model", path: path)
    guard let vocabulary else { throw component.error(.file, "has no 'vocab'") }
    let members = ["type", "max_input_chars_per_word"].map { ($0, options[$0] != nil) }
    return ModelFile(
      component: component, vocabulary: vocabulary, scores: scores, merges: merges,
      hasMembers: Dictionary(uniqueKeysWithValues: members))
  }

  private static func entries(_ reader: inout JSONReader, path: String) throws -> [Entry] {
    var entries: [Entry] = []
    try reader.enterObject()
    while let token = try reader.nextKey() {
      let byteOffset = reader.keyByteOffset
      let id = try reader.readUInt64()
      guard let id = Int32(exactly: id) else {
        throw FormatError(
          .vocabulary,
          "model.vocab: the token '\(token.printable)' has the id \(id), expected at most \(Int32.max)",
          path: path, byteOffset: byteOffset)
      }
      entries.append(Entry(token: Array(token.utf8), id: id, byteOffset: byteOffset))
    }
    return entries
  }

  /// Reads an array of pairs of a token and its score; the id of a token is its place.
  private static func scoredEntries(
    _ reader: inout JSONReader, path: String
  ) throws -> ([Entry], [Double]) {
    var entries: [Entry] = []
    var scores: [Double] = []
    try reader.enterArray()
    while try reader.nextElement() {
      let byteOffset = reader.byteOffset
      let pair = try reader.readValue().asArray ?? []
      guard pair.count == 2, let token = pair[0].asString, let score = pair[1].asDouble,
        score.isFinite
      else {
        throw FormatError(
          .file, "model.vocab: entry \(entries.count) is not a token and its score", path: path,
          byteOffset: byteOffset)
      }
      entries.append(
        Entry(
          token: Array(token.utf8), id: Int32(truncatingIfNeeded: entries.count),
          byteOffset: byteOffset))
      scores.append(score)
    }
    return (entries, scores)
  }

  private static func mergeList(_ reader: inout JSONReader, path: String) throws -> [Merge] {
    var merges: [Merge] = []
    try reader.enterArray()
    while try reader.nextElement() {
      let isText = try reader.peekKind() == .string
      let byteOffset = reader.byteOffset
      var parts: [[UInt8]] = []
      if isText {
        let text = Array(try reader.readString().utf8)
        if text.starts(with: "#version".utf8) { continue }
        parts = text.split(separator: 0x20, omittingEmptySubsequences: false).map { Array($0) }
      } else {
        try reader.enterArray()
        while try reader.nextElement() { parts.append(Array(try reader.readString().utf8)) }
      }
      guard parts.count == 2 else {
        throw FormatError(
          .file, "model.merges: a merge has \(parts.count) tokens, expected 2", path: path,
          byteOffset: byteOffset)
      }
      merges.append(Merge(left: parts[0], right: parts[1], byteOffset: byteOffset))
    }
    return merges
  }
}
