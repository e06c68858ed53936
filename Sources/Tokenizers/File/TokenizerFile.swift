import Base

/// The members of a tokenizer file.
struct TokenizerFile {
  /// The largest file that is read.
  static let byteLimit = 1 << 29

  var path: String
  var model: ModelFile
  var addedTokens: [JSONValue] = []
  /// The members `normalizer`, `pre_tokenizer`, `post_processor` and `decoder` that are not null.
  var components: [String: Component] = [:]

  static func read(_ bytes: borrowing RawSpan, path: String) throws -> TokenizerFile {
    do {
      return try members(bytes, path: path)
    } catch let error as JSONError {
      throw FormatError(.file, "\(error.reason)", path: path, byteOffset: error.byteOffset)
    }
  }

  private static func members(_ bytes: borrowing RawSpan, path: String) throws -> TokenizerFile {
    var reader = JSONReader(bytes)
    var model: ModelFile?
    var addedTokens: [JSONValue] = []
    var components: [String: Component] = [:]
    var seen: Set<UTF8Key> = []
    try reader.enterObject()
    while let key = try reader.nextKey() {
      let byteOffset = reader.keyByteOffset
      guard seen.insert(UTF8Key(key)).inserted else {
        throw JSONError(.duplicateKey(key), at: byteOffset)
      }
      switch key {
      case "version":
        let version = try reader.readString()
        guard version == "1.0" else {
          throw FormatError(
            .unsupported, "the version is '\(version.printable)', expected '1.0'", path: path,
            byteOffset: byteOffset)
        }
      case "truncation", "padding": try reader.skipValue()
      case "model": model = try ModelFile.read(&reader, path: path)
      case "added_tokens":
        let value = try reader.readValue()
        guard value == .null || value.asArray != nil else {
          throw FormatError(
            .file, "added_tokens is \(value.kind), expected an array", path: path,
            byteOffset: byteOffset)
        }
        addedTokens = value.asArray ?? []
      case "normalizer", "pre_tokenizer", "post_processor", "decoder":
        let value = try reader.readValue()
        if value != .null { components[key] = try Component.read(value, place: key, path: path) }
      default:
        throw FormatError(
          .unsupported, "the member '\(key.printable)' is not known", path: path,
          byteOffset: byteOffset)
      }
    }
    try reader.finish()
    guard let model else { throw FormatError(.file, "has no 'model'", path: path) }
    return TokenizerFile(
      path: path, model: model, addedTokens: addedTokens, components: components)
  }
}
