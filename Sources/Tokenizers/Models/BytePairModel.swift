import Base

/// Byte-pair encoding: starts from characters and merges the adjacent pair with the lowest rank, leftmost first, until
/// no pair has a merge.
///
/// Source: Sennrich et al., ACL 2016, algorithm 1; byte fallback as in SentencePiece.
/// - Complexity: O(*n* log *n*) for a word of *n* characters.
struct BytePairModel: TokenModel {
  private let vocabulary: TokenTable
  private let merges: PairTable
  /// The ids of scalars below U+0180 that are tokens, or -1.
  private let shortIDs: [Int32]
  /// The ids of the tokens for single bytes, or -1; nil without byte fallback.
  private let byteIDs: [Int32]?
  private let unknownName: String?
  private let unknownID: Int32?
  private let fusesUnknown: Bool
  private let ignoresMerges: Bool
  private let prefix: [UInt8]
  private let suffix: [UInt8]

  static func read(_ file: inout ModelFile, _ vocabulary: TokenTable) throws -> any TokenModel {
    if let dropout = file.component.optional("dropout"), dropout.asDouble != 0 {
      throw file.component.error(
        .unsupported, "the option 'dropout' makes ids random; expected null")
    }
    return try BytePairModel(&file, vocabulary)
  }

  private init(_ file: inout ModelFile, _ vocabulary: TokenTable) throws {
    prefix = Array((try file.component.optionalString("continuing_subword_prefix") ?? "").utf8)
    suffix = Array((try file.component.optionalString("end_of_word_suffix") ?? "").utf8)
    unknownName = try file.component.optionalString("unk_token")
    unknownID = unknownName.flatMap { vocabulary.id(Array($0.utf8)) }
    fusesUnknown = try file.component.bool("fuse_unk", default: false)
    ignoresMerges = try file.component.bool("ignore_merges", default: false)
    let hasByteFallback = try file.component.bool("byte_fallback", default: false)
    byteIDs = hasByteFallback ? ByteToken.ids(in: vocabulary) : nil
    shortIDs = (0..<0x180).map { value in
      guard let scalar = Unicode.Scalar(UInt32(value)) else { return -1 }
      return vocabulary.id(UTF8Text.bytes([scalar])) ?? -1
    }
    merges = try Self.merges(file, vocabulary, prefixByteCount: prefix.count)
    self.vocabulary = vocabulary
  }

  private static func merges(
    _ file: ModelFile, _ vocabulary: TokenTable, prefixByteCount: Int
  ) throws -> PairTable {
    guard let merges = file.merges else { throw file.component.error(.file, "has no 'merges'") }
    var table = PairTable(expectedCount: merges.count)
    for (rank, merge) in merges.enumerated() {
      func id(_ token: [UInt8]) throws -> Int32 {
        guard let id = vocabulary.id(token) else {
          let name = String(decoding: token, as: UTF8.self).printable
          throw file.error(
            .vocabulary, "merge \(rank) needs the token '\(name)', which is not in the vocabulary",
            byteOffset: merge.byteOffset)
        }
        return id
      }
      guard merge.right.count >= prefixByteCount else {
        throw file.error(
          .vocabulary, "the second token of merge \(rank) is shorter than the prefix of subwords",
          byteOffset: merge.byteOffset)
      }
      let merged = try id(merge.left + merge.right.dropFirst(prefixByteCount))
      table.insert(
        try id(merge.left), try id(merge.right),
        PairTable.Merge(rank: UInt32(truncatingIfNeeded: rank), id: merged))
    }
    return table
  }

  func append(
    _ text: borrowing Span<UInt8>, _ word: Range<Int>, to ids: inout [Int32],
    _ scratch: inout MergeScratch
  ) throws(UnknownToken) {
    if ignoresMerges, let id = vocabulary.id(text, word) {
      ids.append(id)
      return
    }
    scratch.ids.removeAll(keepingCapacity: true)
    try appendCharacters(text, word, to: &scratch.ids)
    scratch.mergeAll(merges)
    ids += scratch.ids
  }

  /// Appends the ids of the characters before any merge. An unknown character is held back until a known one follows,
  /// so that it can be fused with the next; characters in bytes pass it, as in the tokenizers library.
  private func appendCharacters(
    _ text: borrowing Span<UInt8>, _ word: Range<Int>, to ids: inout [Int32]
  ) throws(UnknownToken) {
    var hasUnknown = false
    var position = word.lowerBound
    while position < word.upperBound {
      let scalar = UTF8Text.scalar(text, at: position)
      let range = position..<position + scalar.count
      position = range.upperBound
      if let id = id(text, range, of: word, scalar.value) {
        if hasUnknown, let unknownID { ids.append(unknownID) }
        hasUnknown = false
        ids.append(id)
      } else if appendBytes(text, range, of: word, to: &ids) {
        continue
      } else if let unknownName {
        guard let unknownID else { throw UnknownToken(name: unknownName) }
        if hasUnknown, !fusesUnknown { ids.append(unknownID) }
        hasUnknown = true
      } else {
        throw UnknownToken(name: nil)
      }
    }
    if hasUnknown, let unknownID { ids.append(unknownID) }
  }

  private func id(
    _ text: borrowing Span<UInt8>, _ range: Range<Int>, of word: Range<Int>, _ value: UInt32
  ) -> Int32? {
    guard prefix.isEmpty, suffix.isEmpty else {
      return vocabulary.id(decorated(text, range, of: word))
    }
    guard value < 0x180 else { return vocabulary.id(text, range) }
    let id = shortIDs[Int(value)]
    return id < 0 ? nil : id
  }

  /// Returns a character with the prefix if it is not the first of the word, and the suffix if it is the last.
  private func decorated(
    _ text: borrowing Span<UInt8>, _ range: Range<Int>, of word: Range<Int>
  ) -> [UInt8] {
    var result = range.lowerBound == word.lowerBound ? [] : prefix
    for position in range { result.append(text[position]) }
    return range.upperBound == word.upperBound ? result + suffix : result
  }

  /// Appends the tokens of the bytes of a character; returns false if there is none for one of them.
  private func appendBytes(
    _ text: borrowing Span<UInt8>, _ range: Range<Int>, of word: Range<Int>, to ids: inout [Int32]
  ) -> Bool {
    guard let byteIDs else { return false }
    let bytes = decorated(text, range, of: word)
    for byte in bytes where byteIDs[Int(byte)] < 0 { return false }
    for byte in bytes { ids.append(byteIDs[Int(byte)]) }
    return true
  }
}
