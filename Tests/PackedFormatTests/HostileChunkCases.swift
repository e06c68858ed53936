import Base
import Codecs
import PackedFormat

/// Changes to the chunks of the sample file and to their streams, each of which creates one fault.
extension HostileFileTests {
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
    Case(.chunkCodec, "a codec that its term does not have") { $0.recordCodecs[0] = 200 },
    Case(.chunkCodec, "an index codec of a dense term") { $0.recordCodecs[0] = 0x101 },
    Case(.chunkCodec, "raw values of a lossy term") {
      $0.recordCodecs[$0.record(of: "int4")] = 0
    },
    Case(.chunkCodec, "blocks in a term of gaps") {
      $0.recordCodecs[$0.record(of: "gaps")] = 0x401
    },
    Case(.chunkValues, "more kept values than elements") {
      $0.records[$0.record(of: "mask")].valueCount = 1025
    },
    Case(.chunkLength, "fewer gaps than values") {
      let place = $0.record(of: "gaps")
      $0.records[place].valueCount += 1
      $0.records[place].decodedByteCount -= 40
    },
    Case(.chunkTableLength, "a sealed file without seals") { $0.edit(["sealed"]) { _ in true } },
    Case(.streamValues, "a mask with another number of places") {
      let place = $0.record(of: "mask")
      let mask = $0.offset(ofStream: 0, of: 5, chunk: place)
      let byte = $0.body[$0.records[place].byteOffset - 64 + mask]
      $0.overwrite(chunk: place, at: mask, with: [byte ^ 1])
    },
    Case(.streamValues, "a zero point that no code can be") {
      let place = $0.record(of: "int3")
      let zeros = $0.offset(ofStream: 2, of: 3, chunk: place)
      $0.overwrite(chunk: place, at: zeros, with: [8])
    },
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
      // The byte is in the padding before the chunk of config.json.
      $0.body[$0.records[$0.records.count - 1].byteOffset - 64 - 1] = 1
    },
    Case(.indexPadding, "padding behind the index that is not zero") {
      let gap = (try? $0.indexGap) ?? 0
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
      let frame = $0.offset(ofStream: 1, of: 2, chunk: 0)
      $0.overwrite(chunk: 0, at: frame, with: [0xA5, 0xA5, 0xA5, 0xA5])
    },
    Case(.streamTable, "a plain chunk of a codec with two streams") {
      // The record of the scalar, 8 bytes stored by `raw`, now names a codec with 8 planes.
      $0.recordCodecs[$0.record(of: "c")] = 1
    },
    Case(.unknownCodec, "a codec of the future") {
      $0.edit(["tensors", 1, "terms", 0, "codec"]) { _ in "quantum" }
    },
    Case(.unknownTerm, "a term of the future") {
      $0.edit(["tensors", 1, "terms", 0, "kind"]) { _ in "tensor-train" }
    },
  ]

  /// Chunks with valid checksums whose streams are invalid.
  static let streams = [
    Case(.streamValues, "a code of three bits that is 8", in: .none) {
      $0.overwrite("int3", stream: 0, of: 3, at: 0, with: [8])
    },
    Case(.streamValues, "a code beyond its table", in: .none) {
      $0.overwrite("code5", stream: 0, of: 2, at: 3, with: [5])
    },
    Case(.streamValues, "a code of six bits that is 64", in: .none) {
      $0.overwrite("mxfp6", stream: 0, of: 2, at: 255, with: [64])
    },
    Case(.streamValues, "a zero point that is 8", in: .none) {
      $0.overwrite("int3", stream: 2, of: 3, at: 15, with: [8])
    },
    Case(.streamValues, "bits behind the last code", in: .none) {
      // The stream has five codes of two bits.
      $0.overwrite("tail", stream: 0, of: 3, at: 1, with: [0b100])
    },
    Case(.streamValues, "bits behind the end of a mask", in: .none) {
      $0.overwrite("few", stream: 0, of: 2, at: 1, with: [0b1000_0000])
    },
    Case(.streamValues, "a gap that leads beyond the end", in: .none) {
      $0.overwrite("gaps", stream: 0, of: 3, at: 0, with: [254, 254, 254, 254, 254, 254, 254])
      $0.overwrite("gaps", stream: 0, of: 3, at: 7, with: [UInt8](repeating: 254, count: 40))
    },
    Case(.streamValues, "gaps that end in 255", in: .none) {
      let place = $0.record(of: "gaps")
      let length = $0.streamLength(0, chunk: place)
      $0.overwrite("gaps", stream: 0, of: 3, at: length - 1, with: [255])
    },
    Case(.streamValues, "a number of no pattern", in: .none) {
      $0.overwrite("pairs", stream: 0, of: 3, at: 0, with: [216])
    },
    Case(.streamValues, "a short group filled up with other places than the lowest", in: .none) {
      // Each row has 15 groups of four and one of two; number 5 stands for {2, 3}, number 0 for {0, 1}.
      $0.overwrite("pairs", stream: 0, of: 3, at: 5, with: [5])
    },
    Case(.streamValues, "missing digits that are not 0", in: .none) {
      // There are 8 rows of 16 groups, so the last byte contains two numbers.
      $0.overwrite("pairs", stream: 0, of: 3, at: 42, with: [215])
    },
    Case(.streamValues, "bits behind the last block", in: .none) {
      $0.overwrite("blocks", stream: 0, of: 5, at: 1, with: [0b10])
    },
    Case(.streamValues, "blocks of more values than are kept", in: .none) {
      $0.overwrite("blocks", stream: 0, of: 5, at: 0, with: [0xFF])
    },
    Case(.streamTable, "bytes behind the last stream", in: .none) {
      let place = $0.record(of: "int3")
      let length = $0.streamLength(2, chunk: place)
      $0.setStream(2, chunk: place, stored: length - 1, decoded: length - 1)
    },
    Case(.streamTable, "a stream shorter than its codec has it", in: .none) {
      let place = $0.record(of: "int4")
      let length = $0.streamLength(0, chunk: place)
      $0.setStream(0, chunk: place, stored: length - 1, decoded: length - 1)
    },
    Case(.streamTable, "a compressed stream as long as it decodes to", in: .none) {
      let place = $0.record(of: "int4")
      let length = $0.streamLength(0, chunk: place)
      $0.setStream(0, chunk: place, stored: length | 1 << 31, decoded: length)
    },
    Case(.streamTable, "streams that do not add up to the record") {
      let place = $0.record(of: "gaps")
      $0.records[place].decodedByteCount += 1
    },
    Case(.streamCompression, "a frame that decodes to less") {
      let place = $0.record(of: "a.weight")
      $0.replaceFrame(chunk: place, stream: 1, content: [UInt8](repeating: 1, count: 900))
    },
    Case(.streamCompression, "a frame that decodes to more") {
      let place = $0.record(of: "a.weight")
      $0.replaceFrame(chunk: place, stream: 1, content: [UInt8](repeating: 1, count: 2000))
    },
    Case(.streamCompression, "a skippable frame") {
      let place = $0.record(of: "a.weight")
      let frame = $0.offset(ofStream: 1, of: 2, chunk: place)
      let length = $0.records[place].storedByteCount - frame - 8
      $0.overwrite(
        chunk: place, at: frame,
        with: [0x50, 0x2A, 0x4D, 0x18, UInt8(length & 255), UInt8(length >> 8), 0, 0])
    },
  ]
}
