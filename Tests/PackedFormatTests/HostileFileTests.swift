import PackedFormat
import TensorCore
import TestSupport
import Testing

/// Files with one fault each and checksums that match: every fault is met by its own check.
@Suite struct HostileFileTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var fault: PackedFault
    var name: String
    var change: @Sendable (inout SampleFile) -> Void

    init(
      _ fault: PackedFault, _ name: String, _ change: @escaping @Sendable (inout SampleFile) -> Void
    ) {
      self.fault = fault
      self.name = name
      self.change = change
    }

    var testDescription: String { name }
  }

  static let headers = [
    Case(.headerVersion, "major version 2") { $0.header.major = 2 },
    Case(.headerFields, "a header flag") { $0.header.flags = 1 },
    Case(.headerFields, "a reserved byte of the header") { $0.headerReserved[31] = 1 },
    Case(.headerFeatures, "a required feature bit") { $0.header.requiredFeatures = 1 << 63 },
    Case(.notSumac, "another magic") { $0.changeFile = { $0[1] = 0x54 } },
    Case(.textDamage, "line ends changed in transfer") {
      $0.changeFile = { $0.replaceSubrange(6...7, with: [0x0A]) }
    },
  ]

  static let trailers = [
    Case(.trailerMagic, "bytes behind the trailer") { $0.changeFile = { $0.append(0) } },
    Case(.fileLength, "another file length") { $0.changeTrailer = { $0[8] ^= 1 } },
    Case(.fileLength, "bytes before the header's end are missing") {
      $0.changeFile = { $0.removeSubrange(100..<164) }
    },
    Case(.indexLength, "an index of no bytes") {
      $0.changeTrailer = { $0.replaceSubrange(16..<24, with: [UInt8](repeating: 0, count: 8)) }
    },
    Case(.indexLength, "an index that is longer stored than decoded") {
      $0.changeTrailer = {
        $0[20] = 1
        $0[21] = 0
      }
    },
    Case(.indexLength, "an index of over 1 GiB") { $0.changeTrailer = { $0[23] = 0x80 } },
    Case(.indexPlace, "an index beyond the file") { $0.changeTrailer = { $0[4] = 0xFF } },
    Case(.indexPlace, "an index offset of 2^63") { $0.changeTrailer = { $0[7] = 0x80 } },
    Case(.indexPlace, "an index inside the header") {
      $0.changeTrailer = { $0.replaceSubrange(0..<8, with: [UInt8](repeating: 0, count: 8)) }
    },
    Case(.indexPlace, "an index off its alignment") { $0.changeTrailer = { $0[0] += 8 } },
    Case(.chunkTableLength, "a chunk table with half a record") {
      $0.indexPadding = [UInt8](repeating: 0, count: 32 + 16)
    },
    Case(.indexChecksum, "an index that was changed") {
      $0.changeFile = { $0[$0.count - 64 - 32 * 20] ^= 1 }
    },
    Case(.indexCompression, "a compressed index that is no frame") {
      $0.changeTrailer = { $0[20] &+= 1 }
    },
    Case(.indexCompression, "a compressed index that claims 16 MiB") {
      $0.compressesIndex = true
      $0.changeTrailer = { $0.replaceSubrange(20..<24, with: [0, 0, 0, 1]) }
    },
    Case(.indexLength, "a compressed index that claims 1 GiB") {
      $0.compressesIndex = true
      $0.changeTrailer = { $0.replaceSubrange(20..<24, with: [0, 0, 0, 0x40]) }
    },
  ]

  static let encodings = [
    Case(.indexLength, "an index that would grow a thousandfold") {
      $0.rawIndex = [UInt8](repeating: 0, count: 20 << 20)
      $0.compressesIndex = true
    },
    Case(.indexEncoding, "no CBOR") { $0.rawIndex = [0xFF] },
    Case(.indexEncoding, "a count of 2^64 − 1") {
      $0.rawIndex = [0xBB] + [UInt8](repeating: 0xFF, count: 8)
    },
    Case(.indexValue, "a list in place of the map") { $0.rawIndex = [0x80] },
    Case(.indexEncoding, "a map of indefinite length") { $0.rawIndex = [0xBF, 0xFF] },
    Case(.indexEncoding, "something behind the index") { $0.rawIndex = $0.index.encoded + [0] },
    Case(.indexKey, "an index without tensors") { $0.edit(["tensors"]) { _ in nil } },
    Case(.indexKey, "an unknown key") { $0.edit(["other"]) { _ in .null } },
    Case(.indexValue, "metadata that is no text") { $0.edit(["metadata", "format"]) { _ in 1 } },
    Case(.indexValue, "lineage that is no text") { $0.edit(["lineage"]) { _ in [] } },
    Case(.indexValue, "features out of order") {
      $0.edit(["features", "optional"]) { _ in ["b", "a"] }
    },
    Case(.indexKey, "features without required ones") {
      $0.edit(["features", "required"]) { _ in nil }
    },
    Case(.requiredFeature, "a required feature of the future") {
      $0.edit(["features", "required"]) { _ in ["time-travel"] }
    },
  ]

  static let entries = [
    Case(.nameLength, "a name of 4097 bytes") {
      $0.edit(["tensors", 1, "name"]) { _ in .text(String(repeating: "n", count: 4097)) }
    },
    Case(.duplicateName, "a name twice") { $0.edit(["tensors", 1, "name"]) { _ in "a.weight" } },
    Case(.duplicateName, "an alias with a tensor's name") {
      $0.edit(["tensors", 4, "name"]) { _ in "b" }
    },
    Case(.indexKey, "a tensor without a name") { $0.edit(["tensors", 1, "name"]) { _ in nil } },
    Case(.indexKey, "a tensor without a shape") { $0.edit(["tensors", 1, "shape"]) { _ in nil } },
    Case(.indexKey, "an entry with an unknown key") { $0.edit(["tensors", 1, "x"]) { _ in 1 } },
    Case(.indexKey, "an alias with a dtype") { $0.edit(["tensors", 4, "dtype"]) { _ in "U8" } },
    Case(.dtype, "an unknown dtype") { $0.edit(["tensors", 1, "dtype"]) { _ in "u8" } },
    Case(.shape, "65 dimensions") {
      $0.edit(["tensors", 1, "shape"]) { _ in .array(Array(repeating: 1, count: 65)) }
    },
    Case(.shape, "a dimension of 2^48") {
      $0.edit(["tensors", 1, "shape"]) { _ in [.unsigned(1 << 48)] }
    },
    Case(.shape, "a dimension of 2^64 − 1 beside a zero") {
      $0.edit(["tensors", 1, "shape"]) { _ in [0, .unsigned(.max)] }
    },
    Case(.shape, "a product of 2^57") {
      $0.edit(["tensors", 1, "shape"]) { _ in [.unsigned(1 << 30), .unsigned(1 << 27)] }
    },
    Case(.shape, "values that do not end on a byte") {
      $0.edit(["tensors", 1, "dtype"]) { _ in "F4" }
    },
    Case(.indexValue, "a negative dimension") { $0.edit(["tensors", 1, "shape"]) { _ in [-5] } },
    Case(.terms, "two terms") {
      $0.edit(["tensors", 2, "terms", 1]) { _ in ["kind": "dense", "codec": "raw", "chunks": 0] }
    },
    Case(.terms, "no terms") { $0.edit(["tensors", 2, "terms"]) { _ in [] } },
    Case(.indexKey, "a term without a codec") {
      $0.edit(["tensors", 1, "terms", 0, "codec"]) { _ in nil }
    },
    Case(.indexKey, "a term with an unknown key") {
      $0.edit(["tensors", 1, "terms", 0, "x"]) { _ in 1 }
    },
    Case(.chunkCount, "one chunk too many") {
      $0.edit(["tensors", 1, "terms", 0, "chunks"]) { _ in 2 }
    },
    Case(.chunkCount, "2^64 − 1 chunks") {
      $0.edit(["tensors", 1, "terms", 0, "chunks"]) { _ in .unsigned(.max) }
    },
    Case(.aliasTarget, "an alias of nothing") { $0.edit(["tensors", 4, "alias"]) { _ in "x" } },
    Case(.aliasTarget, "an alias of itself") { $0.edit(["tensors", 4, "alias"]) { _ in "tied" } },
    Case(.attachmentName, "an attachment outside its folder") {
      $0.edit(["attachments", 0, "name"]) { _ in "../config.json" }
    },
    Case(.attachmentName, "an attachment with an absolute path") {
      $0.edit(["attachments", 0, "name"]) { _ in "/etc/passwd" }
    },
    Case(.duplicateName, "an attachment twice") {
      $0.edit(["attachments", 1, "name"]) { _ in "config.json" }
    },
    Case(.attachmentLength, "an attachment of 2^60 bytes") {
      $0.edit(["attachments", 0, "bytes"]) { _ in .unsigned(1 << 60) }
    },
    Case(.chunkCount, "an attachment longer than its chunks") {
      $0.edit(["attachments", 0, "bytes"]) { _ in 1_100_000 }
    },
    Case(.indexKey, "an attachment without a length") {
      $0.edit(["attachments", 0, "bytes"]) { _ in nil }
    },
  ]

  static let chunks = [
    Case(.chunkTableLength, "a record too many") { $0.records.append($0.records[0]) },
    Case(.chunkTableLength, "a record too few") { $0.records.removeLast() },
    Case(.chunkPlace, "two chunks at one place") {
      $0.records[1].byteOffset = $0.records[0].byteOffset
    },
    Case(.chunkPlace, "a hole between chunks") { $0.records[1].byteOffset += 64 },
    Case(.chunkPlace, "a chunk at 2^63") { $0.records[1].byteOffset = .max },
    Case(.chunkPlace, "a first chunk inside the header") { $0.records[0].byteOffset = 0 },
    Case(.chunkPlace, "a last chunk that runs into the index") {
      $0.records[$0.records.count - 1].storedByteCount += 1000
    },
    Case(.chunkPlace, "a gap before the index") { $0.body += [UInt8](repeating: 0, count: 64) },
    Case(.chunkCodec, "a codec that its term does not have") { $0.records[0].codec = 9 },
    Case(.chunkFlags, "an unknown flag") { $0.recordFlags[0] = 3 },
    Case(.chunkValues, "a value too many") { $0.records[0].valueCount += 1 },
    Case(.chunkLength, "a decoded length of 4 GiB") {
      $0.records[0].decodedByteCount = 0xFFFF_FFFF
    },
    Case(.chunkLength, "a decoded length that is not the codec's") {
      $0.records[0].decodedByteCount -= 1
    },
    Case(.chunkLength, "a plain chunk shorter than its values") {
      let last = $0.records.count - 1
      $0.records[last].storedByteCount -= 1
    },
    Case(.chunkLength, "a chunk of no bytes") {
      $0.records[$0.records.count - 1].storedByteCount = 0
    },
    Case(.chunkPadding, "padding that is not zero") { $0.body[$0.body.count - 1] = 1 },
    Case(.chunkPadding, "padding between segments that is not zero") {
      $0.body[$0.body.count - 65] = 1
    },
    Case(.indexPadding, "padding behind the index that is not zero") {
      let gap =
        (64 + $0.body.count + $0.index.encoded.count).rounded(upTo: 32)
        - (64 + $0.body.count + $0.index.encoded.count)
      $0.indexPadding = [UInt8](repeating: 1, count: gap == 0 ? 32 : gap)
    },
    Case(.chunkChecksum, "a chunk that was changed") { $0.body[100] ^= 4 },
    Case(.streamTable, "a stream that decodes to more") {
      $0.overwrite(chunk: 0, at: 4, with: [0, 0, 0, 1])
    },
    Case(.streamTable, "a stream that runs over its chunk") {
      $0.overwrite(chunk: 0, at: 0, with: [0xFF, 0xFF, 0xFF, 0xFF])
    },
    Case(.streamTable, "a stream that is stored plain in fewer bytes") {
      let word = $0.body[$0.records[0].byteOffset - 64 + 8 + 3]
      $0.overwrite(chunk: 0, at: 8 + 3, with: [word & 0x7F])
    },
    Case(.streamCompression, "a stream that is no frame") {
      let place = $0.records[0].storedByteCount - 2000
      $0.overwrite(chunk: 0, at: place, with: [UInt8](repeating: 0xA5, count: 2000))
    },
    Case(.streamTable, "a plain chunk of a codec with two streams") {
      // The scalar of 8 bytes, stored plain by `raw`, is said to be in 8 planes.
      $0.records[$0.records.count - 2].codec = 1
    },
    Case(.unknownCodec, "a codec of the future") {
      $0.edit(["tensors", 1, "terms", 0, "codec"]) { _ in "quantum" }
    },
    Case(.unknownTerm, "a term of the future") {
      $0.edit(["tensors", 1, "terms", 0, "kind"]) { _ in "tensor-train" }
    },
  ]

  /// Opens the file and reads all that its catalog lists.
  static func read(_ bytes: [UInt8]) throws -> [(String, [UInt8])] {
    let folder = try TemporaryFolder()
    try folder.write(bytes, to: "hostile.sumac")
    let reader = try PackedReader(InputFile(path: folder["hostile.sumac"]))
    return try reader.segments.indices.map { try read(segment: $0, of: reader) }
  }

  private static func read(segment place: Int, of reader: PackedReader) throws -> (String, [UInt8])
  {
    let segment = reader.segments[place]
    var values = ByteBuffer(byteCount: segment.info.byteCount)
    var scratch = ByteBuffer(byteCount: reader.scratchByteCount(segment: place))
    for chunk in 0..<segment.term.chunkCount {
      let bytes = segment.info.bytes(of: segment.info.grid[chunk])
      var span = values.mutableBytes
      var target = span._mutatingExtracting(bytes)
      var room = scratch.mutableBytes
      try reader.readChunk(segment: place, chunk: chunk, into: &target, scratch: &room)
    }
    return (segment.info.name, values.bytes.array())
  }

  @Test("the sample itself is read as it was written", arguments: Compression.allCases)
  func sample(compression: Compression) throws {
    let found = try Self.read(SampleFile.written(compression: compression))
    let expected =
      SampleFile.tensors.map { ($0.name, $0.values) } + SampleFile.attachments.map { ($0.0, $0.1) }
    #expect(found.map(\.0) == expected.map(\.0))
    #expect(found.map(\.1) == expected.map(\.1))
  }

  @Test("parts put together anew are the file that was written")
  func assembled() throws {
    #expect(try SampleFile().assembled() == SampleFile.written())
  }

  @Test(
    "each fault is refused by its own code",
    arguments: headers + trailers + encodings + entries + chunks)
  func fault(_ test: Case) throws {
    var file = try SampleFile()
    test.change(&file)
    let bytes = try file.assembled()
    let error = #expect(throws: FormatError.self) { _ = try Self.read(bytes) }
    #expect(error?.code == test.fault.code, "\(error?.description ?? "")")
  }

  @Test("every fault of the format is reached by some file")
  func coverage() {
    let all = Self.headers + Self.trailers + Self.encodings + Self.entries + Self.chunks
    let missing = Set(PackedFault.allCases).subtracting(all.map(\.fault))
    // These two need no checksums: truncation and a flipped bit reach them.
    #expect(missing == [.truncated, .headerChecksum])
  }
}
