import Base
import Codecs
import PackedFormat
import TensorCore
import TestSupport
import Testing

/// Changes to the sample file, each of which creates one fault.
extension HostileFileTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var fault: PackedFault
    var name: String
    /// The compression of the sample; without compression, streams can be overwritten.
    var compression: Compression
    var change: @Sendable (inout SampleFile) -> Void

    init(
      _ fault: PackedFault, _ name: String, in compression: Compression = .fast,
      _ change: @escaping @Sendable (inout SampleFile) -> Void
    ) {
      self.fault = fault
      self.name = name
      self.compression = compression
      self.change = change
    }

    /// Returns the bytes of the changed file.
    func built() throws -> [UInt8] {
      var file = try SampleFile(SampleFile.written(compression: compression))
      change(&file)
      return try file.assembled()
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
    Case(.requiredFeature, "a required feature of the future that changes all else") {
      $0.edit(["features", "required"]) { _ in ["time-travel"] }
      $0.edit(["tensors", 1, "dtype"]) { _ in "T8" }
    },
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
    Case(.terms, "65 terms") {
      $0.edit(["tensors", 2, "terms"]) { _ in
        .array(Array(repeating: ["kind": "dense", "codec": "raw", "chunks": 0], count: 65))
      }
    },
    Case(.terms, "no terms") { $0.edit(["tensors", 2, "terms"]) { _ in [] } },
    Case(.termDType, "two dense terms of integers") {
      $0.edit(["tensors", 1, "shape"]) { _ in [0] }
      $0.edit(["tensors", 1, "terms"]) { _ in
        .array(Array(repeating: ["kind": "dense", "codec": "raw", "chunks": 0], count: 2))
      }
    },
    Case(.termDType, "a lossy codec of integers") {
      $0.edit([$0.entry("int4"), "dtype"].inTensors) { _ in "I32" }
    },
    Case(.termDType, "a sparse term of half bytes") {
      $0.edit([$0.entry("mask"), "dtype"].inTensors) { _ in "F4" }
      $0.edit([$0.entry("mask"), "terms", 0, "chunks"].inTensors) { _ in 0 }
    },
    Case(.indexValue, "a term that is no map") { $0.edit(["tensors", 1, "terms", 0]) { _ in 1 } },
    Case(.indexValue, "an error that is not a number") {
      $0.edit(["tensors", 1, "terms", 0, "error"]) { _ in .float(.nan) }
    },
    Case(.indexKey, "a quality without a norm") {
      $0.edit(["tensors", 1, "quality"]) { _ in ["error": 0.0, "largest": 0.0] }
    },
    Case(.indexValue, "a content id of 31 bytes") {
      $0.edit(["tensors", 1, "content"]) { _ in .bytes([UInt8](repeating: 0, count: 31)) }
    },
    Case(.indexValue, "a quality below 0") {
      $0.edit(["tensors", 1, "quality"]) { _ in ["norm": -1.0, "error": 0.0, "largest": 0.0] }
    },
    Case(.indexKey, "an extension that does not say whether it is safe") {
      $0.edit(["extensions"]) { _ in ["x": ["value": 1]] }
    },
    Case(.indexValue, "sealed that is false") { $0.edit(["sealed"]) { _ in false } },
    Case(.indexKey, "an alias with a content id") {
      $0.edit(["tensors", 4, "content"]) { _ in .bytes([UInt8](repeating: 0, count: 32)) }
    },
    Case(.codecParameters, "nine bits") {
      $0.edit([$0.entry("int4"), "terms", 0, "bits"].inTensors) { _ in 9 }
    },
    Case(.codecParameters, "one bit that is symmetric") {
      $0.edit([$0.entry("int4"), "terms", 0, "bits"].inTensors) { _ in 1 }
    },
    Case(.codecParameters, "an axis beyond the shape") {
      $0.edit([$0.entry("int4"), "terms", 0, "axis"].inTensors) { _ in 2 }
    },
    Case(.codecParameters, "a fold of one dimension") {
      $0.edit([$0.entry("int4"), "terms", 0, "fold"].inTensors) { _ in 1 }
    },
    Case(.codecParameters, "a fold beyond the last dimension") {
      $0.edit([$0.entry("int4"), "terms", 0, "fold"].inTensors) { _ in 2 }
    },
    Case(.indexValue, "a fold that the features do not require") {
      $0.edit([$0.entry("int4"), "terms", 0, "axis"].inTensors) { _ in 0 }
      $0.edit([$0.entry("int4"), "terms", 0, "fold"].inTensors) { _ in 2 }
    },
    Case(.codecParameters, "scales of U8") {
      $0.edit([$0.entry("int4"), "terms", 0, "scale"].inTensors) { _ in "U8" }
    },
    Case(.codecParameters, "groups of mx without a size") {
      $0.edit([$0.entry("mxfp6"), "terms", 0, "group"].inTensors) { _ in 0 }
    },
    Case(.codecParameters, "an unknown packing") {
      $0.edit([$0.entry("mxfp6"), "terms", 0, "packing"].inTensors) { _ in "words" }
    },
    Case(.codecParameters, "a global number of 0") {
      $0.edit([$0.entry("nvfp4"), "terms", 0, "global"].inTensors) { _ in 0.0 }
    },
    Case(.codecParameters, "a global number that no float32 holds") {
      $0.edit([$0.entry("nvfp4"), "terms", 0, "global"].inTensors) { _ in 0.1 }
    },
    Case(.codecParameters, "a table that does not ascend") {
      $0.edit([$0.entry("code5"), "terms", 0, "table", 1].inTensors) { _ in -1.0 }
    },
    Case(.codecParameters, "a table of one entry") {
      $0.edit([$0.entry("code5"), "terms", 0, "table"].inTensors) { _ in [1.0] }
    },
    Case(.codecParameters, "a table with an infinity") {
      $0.edit([$0.entry("code5"), "terms", 0, "table", 4].inTensors) { _ in .float(.infinity) }
    },
    Case(.codecParameters, "an unknown ggml type") {
      $0.edit([$0.entry("q8_0"), "terms", 0, "type"].inTensors) { _ in 9 }
    },
    Case(.codecParameters, "rows that are no whole blocks") {
      $0.edit([$0.entry("q8_0"), "terms", 0, "type"].inTensors) { _ in 14 }
    },
    Case(.codecParameters, "as many kept as there are, of nm") {
      $0.edit([$0.entry("pairs"), "terms", 0, "index", "n"].inTensors) { _ in 4 }
    },
    Case(.codecParameters, "groups of 17") {
      $0.edit([$0.entry("pairs"), "terms", 0, "index", "m"].inTensors) { _ in 17 }
    },
    Case(.codecParameters, "blocks without rows") {
      $0.edit([$0.entry("blocks"), "terms", 0, "index", "rows"].inTensors) { _ in 0 }
    },
    Case(.codecParameters, "a bitmask with a parameter") {
      $0.edit([$0.entry("mask"), "terms", 0, "index", "n"].inTensors) { _ in 2 }
    },
    Case(.codecParameters, "a constant of half bytes") {
      $0.edit([$0.entry("empty"), "dtype"].inTensors) { _ in "F4" }
      $0.edit([$0.entry("empty"), "terms", 0, "codec"].inTensors) { _ in "constant" }
    },
    Case(.indexKey, "a sparse term without an index") {
      $0.edit([$0.entry("mask"), "terms", 0, "index"].inTensors) { _ in nil }
    },
    Case(.indexValue, "a sparse term with an unknown mode") {
      $0.edit([$0.entry("mask"), "terms", 0, "mode"].inTensors) { _ in "multiply" }
    },
    Case(.indexValue, "a factor that is infinite") {
      $0.edit([$0.entry("mask"), "terms", 0, "factor"].inTensors) { _ in .float(.infinity) }
    },
    Case(.indexValue, "a factor that no float32 holds") {
      $0.edit([$0.entry("mask"), "terms", 0, "factor"].inTensors) { _ in .float(0.1) }
    },
    Case(.indexKey, "a factor where values replace") {
      $0.edit([$0.entry("mask"), "terms", 0, "factor"].inTensors) { _ in .float(2) }
      $0.edit([$0.entry("mask"), "terms", 0, "mode"].inTensors) { _ in "replace" }
    },
    Case(.lowRank, "a rank of 0") {
      $0.edit([$0.entry("sum"), "terms", 1, "rank"].inTensors) { _ in 0 }
    },
    Case(.lowRank, "factors too large to keep") {
      $0.edit([$0.entry("sum"), "terms", 1, "rank"].inTensors) { _ in 65_537 }
    },
    Case(.lowRank, "a factor of more rows than can be counted") {
      $0.edit([$0.entry("sum"), "shape"].inTensors) { _ in [268_435_456, 268_435_456, 0] }
      $0.edit([$0.entry("sum"), "terms"].inTensors) { terms in .array([terms!.asArray![1]]) }
      $0.edit([$0.entry("sum"), "terms", 0, "batch"].inTensors) { _ in 2 }
      $0.edit([$0.entry("sum"), "terms", 0, "rank"].inTensors) { _ in 256 }
    },
    Case(.lowRank, "a batch of all dimensions") {
      $0.edit([$0.entry("sum"), "terms", 1, "batch"].inTensors) { _ in 3 }
    },
    Case(.lowRank, "a scale that is infinite") {
      $0.edit([$0.entry("sum"), "terms", 1, "scale"].inTensors) { _ in .float(.infinity) }
    },
    Case(.lowRank, "factors of F64") {
      $0.edit([$0.entry("sum"), "terms", 1, "u", "dtype"].inTensors) { _ in "F64" }
    },
    Case(.indexKey, "a low-rank term without V") {
      $0.edit([$0.entry("sum"), "terms", 1, "v"].inTensors) { _ in nil }
    },
    Case(.chunkCount, "a low-rank term with a chunk too few") {
      $0.edit([$0.entry("sum"), "terms", 1, "chunks"].inTensors) { _ in 1 }
    },
    Case(.indexKey, "a term without a codec") {
      $0.edit(["tensors", 1, "terms", 0, "codec"]) { _ in nil }
    },
    Case(.codecParameters, "a term with an unknown key") {
      $0.edit(["tensors", 1, "terms", 0, "x"]) { _ in 1 }
    },
    Case(.indexKey, "a low-rank term with an unknown key") {
      $0.edit([$0.entry("sum"), "terms", 1, "x"].inTensors) { _ in 1 }
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

  static let all = headers + trailers + encodings + entries + chunks + streams
}

extension [SampleFile.Step] {
  /// The path from the root of the index.
  var inTensors: [SampleFile.Step] { ["tensors"] + self }
}
