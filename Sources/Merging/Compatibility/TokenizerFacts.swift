import Base
import Checkpoints
import Recipes
import TensorCore

/// The vocabulary of a model: the token of each id.
struct TokenizerFacts {
  /// The files with a vocabulary, in the order in which they are used.
  private static let fileNames = [
    "tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model",
  ]
  /// The maximum size of a file that is compared, in bytes.
  private static let maximumByteCount = 64 << 20

  /// The result of comparing two vocabularies.
  enum Difference: Equatable {
    case none
    /// An id stands for different tokens; the text names the first one.
    case tokens(String)
    /// Some tokens are in one vocabulary only.
    case additional(String)
    /// The vocabularies could not be compared.
    case unknown(String)
  }

  private let files: [String: LazyTensor]

  init(_ checkpoint: Checkpoint) {
    var files: [String: LazyTensor] = [:]
    for file in checkpoint.companions where Self.fileNames.contains(file.name) {
      files[file.name] = file
    }
    self.files = files
  }

  /// Returns how the vocabulary of `other` differs; `.none` if there is no file with a vocabulary that both have.
  func difference(of other: TokenizerFacts) throws -> Difference {
    for name in Self.fileNames {
      guard let own = files[name], let found = other.files[name] else { continue }
      guard max(own.info.byteCount, found.info.byteCount) <= Self.maximumByteCount else {
        return .unknown("\(name) is larger than 64 MiB and was not compared")
      }
      guard try !Self.haveEqualBytes(own, found) else { return .none }
      guard let before = Vocabulary(try own.bytes(), file: name),
        let after = Vocabulary(try found.bytes(), file: name)
      else { return .tokens("\(name) has other bytes") }
      return after.difference(from: before)
    }
    return .none
  }

  /// Compares two files a block at a time, since most tokenizers are equal.
  private static func haveEqualBytes(_ a: LazyTensor, _ b: LazyTensor) throws -> Bool {
    guard a.info.byteCount == b.info.byteCount else { return false }
    let grid = a.info.grid
    let size = grid.largestChunk
    var first = ByteBuffer(byteCount: size)
    var second = ByteBuffer(byteCount: size)
    var scratch = ByteBuffer(
      byteCount: max(
        a.source.scratchByteCount(elementCount: size), b.source.scratchByteCount(elementCount: size)
      ))
    for chunk in 0..<grid.count {
      let elements = grid[chunk]
      try read(elements, of: a, into: &first, &scratch)
      try read(elements, of: b, into: &second, &scratch)
      guard
        first.bytes.extracting(0..<elements.count).elementsEqual(
          second.bytes.extracting(0..<elements.count))
      else { return false }
    }
    return true
  }

  private static func read(
    _ elements: Range<Int>, of file: LazyTensor, into buffer: inout ByteBuffer,
    _ scratch: inout ByteBuffer
  ) throws {
    var bytes = buffer.mutableBytes
    var values = bytes._mutatingExtracting(0..<elements.count)
    var room = scratch.mutableBytes
    try file.source.read(elements, into: &values, scratch: &room)
  }
}

/// A vocabulary that was read from a file of a tokenizer.
private struct Vocabulary {
  /// The maximum number of tokens that are compared.
  private static let tokenLimit = 1 << 20

  private struct TooManyTokens: Error {}

  private var tokens: [Int: String] = [:]

  /// - Returns: nil if the file has no vocabulary that can be read.
  init?(_ bytes: [UInt8], file: String) {
    switch file {
    case "tokenizer.json":
      guard (try? readTokenizer(bytes)) != nil, !tokens.isEmpty else { return nil }
    case "vocab.json":
      guard (try? readObject(bytes)) != nil, !tokens.isEmpty else { return nil }
    case "vocab.txt":
      let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
      guard lines.count <= Self.tokenLimit else { return nil }
      for (index, line) in lines.enumerated() {
        tokens[index] = String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
      }
    default: return nil
    }
  }

  private mutating func readObject(_ bytes: [UInt8]) throws {
    var reader = JSONReader(bytes.rawSpan)
    try readTokens(&reader)
  }

  /// Reads `model.vocab` and `added_tokens` of a `tokenizer.json`.
  private mutating func readTokenizer(_ bytes: [UInt8]) throws {
    var reader = JSONReader(bytes.rawSpan)
    var added: [(id: Int, token: String)] = []
    try reader.enterObject()
    while let key = try reader.nextKey() {
      switch key {
      case "added_tokens": added = try Self.addedTokens(&reader)
      case "model":
        try reader.enterObject()
        while let key = try reader.nextKey() {
          if key == "vocab" { try readVocabulary(&reader) } else { try reader.skipValue() }
        }
      default: try reader.skipValue()
      }
    }
    // An added token replaces the token of the model with its id.
    for (id, token) in added { tokens[id] = token }
  }

  /// Reads an object of ids, or a list of tokens with scores.
  private mutating func readVocabulary(_ reader: inout JSONReader) throws {
    guard try reader.peekKind() == .array else { return try readTokens(&reader) }
    var id = 0
    try reader.enterArray()
    while try reader.nextElement() {
      try reader.enterArray()
      var position = 0
      while try reader.nextElement() {
        if position == 0 { try add(reader.readString(), id) } else { try reader.skipValue() }
        position += 1
      }
      id += 1
    }
  }

  private mutating func readTokens(_ reader: inout JSONReader) throws {
    try reader.enterObject()
    while let token = try reader.nextKey() { try add(token, reader.readInt()) }
  }

  private mutating func add(_ token: String, _ id: Int) throws {
    guard tokens.count < Self.tokenLimit else { throw TooManyTokens() }
    tokens[id] = token
  }

  private static func addedTokens(
    _ reader: inout JSONReader
  ) throws -> [(id: Int, token: String)] {
    var added: [(id: Int, token: String)] = []
    try reader.enterArray()
    while try reader.nextElement() {
      var (id, token): (Int?, String?)
      try reader.enterObject()
      while let key = try reader.nextKey() {
        switch key {
        case "id": id = try reader.readInt()
        case "content": token = try reader.readString()
        default: try reader.skipValue()
        }
      }
      guard added.count < tokenLimit else { throw TooManyTokens() }
      if let id, let token { added.append((id, token)) }
    }
    return added
  }

  func difference(from other: Vocabulary) -> TokenizerFacts.Difference {
    let shared = tokens.keys.filter { other.tokens[$0] != nil }
    let differing = shared.filter { !Self.areEqual(tokens[$0], other.tokens[$0]) }
    if let id = differing.min() {
      let more = differing.count > 1 ? ", and \((differing.count - 1).grouped) more differ" : ""
      return .tokens(
        "token \(id) is '\((tokens[id] ?? "").shown)' instead of "
          + "'\((other.tokens[id] ?? "").shown)'\(more)")
    }
    let added = tokens.count - shared.count
    let missing = other.tokens.count - shared.count
    guard added + missing > 0 else { return .none }
    return .additional(
      [
        added > 0 ? "has \(added.counted("more token"))" : nil,
        missing > 0 ? "lacks \(missing.counted("token"))" : nil,
      ].compactMap(\.self).joined(separator: " and "))
  }

  private static func areEqual(_ a: String?, _ b: String?) -> Bool {
    guard let a, let b else { return a == nil && b == nil }
    return a.equalsAsBytes(b)
  }
}
