import Base
import Codecs
import PackedFormat
import TensorCore
import TestSupport
import Zstd

/// The parts of a `.sumac` file. They can be changed separately and assembled again with valid checksums.
struct SampleFile {
  var header = FileHeader()
  /// Bytes 24 to 55 of the header.
  var headerReserved = [UInt8](repeating: 0, count: 32)
  /// The bytes from the header to the index.
  var body: [UInt8] = []
  var index: CBORValue
  var records: [ChunkRecord] = []
  var recordFlags: [Int: UInt16] = [:]
  var recordCodecs: [Int: UInt16] = [:]
  /// The seals after the chunk table.
  var seals: [UInt8] = []
  /// The bytes between index and chunk table that replace or extend the padding.
  var indexPadding: [UInt8]?
  /// Bytes that replace the encoded index.
  var rawIndex: [UInt8]?
  var compressesIndex = false
  /// Changes the trailer's 32 bytes of fields before they are hashed.
  var changeTrailer: (inout [UInt8]) -> Void = { _ in }
  /// Changes the finished file.
  var changeFile: (inout [UInt8]) -> Void = { _ in }

  // MARK: The sample

  /// A file with each kind of term and codec, an empty tensor, a tensor of several chunks, an alias and
  /// attachments.
  static func builder() -> PackedFileBuilder {
    let floats = PackedFileBuilder.weights
    let canonical = PackedFileBuilder.bytes
    func lossless(_ name: String, _ dtype: DType, _ shape: [Int], _ bytes: [UInt8])
      -> PackedFileBuilder.Tensor
    {
      PackedFileBuilder.Tensor(
        name: name, dtype: dtype, dimensions: shape,
        terms: [.dense(PlanesCodec(), .bytes(bytes))])
    }
    func lossy(_ name: String, _ dtype: DType, _ shape: [Int], _ codec: any ValueCodec)
      -> PackedFileBuilder.Tensor
    {
      PackedFileBuilder.Tensor(
        name: name, dtype: dtype, dimensions: shape,
        terms: [.dense(codec, .floats(floats(shape.reduce(1, *), UInt64(name.utf8.count))))])
    }
    func sparse(
      _ name: String, _ dtype: DType, _ shape: [Int], _ index: any IndexCodec, share: Double
    ) -> PackedFileBuilder.Tensor {
      let count = shape.reduce(1, *)
      return PackedFileBuilder.Tensor(
        name: name, dtype: dtype, dimensions: shape,
        terms: [
          .sparse(
            .add, index, PlanesCodec(), .bytes(canonical(floats(count, 7), dtype)),
            mask: index is NMIndex
              ? (0..<count).map { $0 % shape[1] % 4 == $0 / shape[1] % 3 }
              : PackedFileBuilder.mask(count, share: share, seed: 3))
        ])
    }
    let rows = GroupSpec(axis: 1, size: 32)
    let ones = [Float](repeating: 1.5, count: 600_000)
    var builder = PackedFileBuilder()
    builder.tensors = [
      lossless("a.weight", .bf16, [32, 32], canonical(floats(1024, 1), .bf16)),
      lossless("b", .u8, [5], [1, 2, 3, 4, 5]),
      lossless("empty", .f32, [0, 4], []),
      lossless("c", .f64, [], [0, 0, 0, 0, 0, 0, 0xF0, 0x3F]),
      lossless(
        longName, .f32, [2, 300_000],
        canonical(ones, .f32)),
      lossy("int4", .f32, [8, 96], AffineCodec(bits: 4, groups: rows)),
      lossy("int3", .bf16, [8, 40], AffineCodec(bits: 3, groups: rows, zero: .integer)),
      lossy(
        "keys", .f16, [2, 24, 8],
        AffineCodec(bits: 2, groups: GroupSpec(axis: 1, size: 10), zero: .float)),
      lossy("mxfp6", .f32, [4, 64], MXCodec(element: .f6E2M3, groups: rows)),
      lossy(
        "nvfp4", .bf16, [4, 64], NVFP4Codec(groups: GroupSpec(axis: 1, size: 16), global: 0.001)),
      lossy("nf4", .f32, [4, 70], CodebookCodec(table: CodebookCodec.nf4, groups: rows)),
      lossy(
        "code5", .f32, [4, 64],
        CodebookCodec(table: [-1, -0.25, 0, 0.25, 1], groups: rows, scaleDType: .f16)),
      lossy("fp8", .f64, [4, 64], FP8Codec(groups: rows)),
      lossy("q8_0", .f32, [4, 64], GgmlCodec(type: GgmlCodec.types[4])),
      lossy(
        "tail", .f32, [1, 5],
        AffineCodec(
          bits: 2, groups: GroupSpec(axis: 1, size: 5), scaleDType: .f32, zero: .integer)),
      sparse("few", .i8, [15], BitmaskIndex(), share: 0.9),
      sparse("mask", .f32, [16, 64], BitmaskIndex(), share: 0.5),
      sparse("gaps", .bf16, [20, 400], BitmaskIndex(), share: 0.01),
      sparse("pairs", .f16, [8, 62], NMIndex(kept: 2, of: 4, dimensions: [8, 62]), share: 0.2),
      sparse(
        "blocks", .f32, [20, 24], BlockIndex(rows: 8, columns: 8, dimensions: [20, 24]),
        share: 0.01),
      PackedFileBuilder.Tensor(
        name: "sum", dtype: .bf16, dimensions: [2, 16, 32],
        terms: [
          .dense(
            AffineCodec(bits: 4, groups: GroupSpec(axis: 2, size: 16)), .floats(floats(1024, 5))),
          .lowRank(
            batch: 1, rank: 2, scale: 0.5, dtype: .f16, u: floats(64, 8), v: floats(128, 9)),
          .sparse(
            .replace, BitmaskIndex(), PlanesCodec(), .bytes(canonical(floats(1024, 5), .bf16)),
            mask: PackedFileBuilder.mask(1024, share: 0.02, seed: 4)),
        ]),
    ]
    builder.aliases = [(4, "tied", 0)]
    builder.attachments = attachments
    return builder
  }

  /// The lossless tensors by name, with their canonical bytes.
  static var lossless: [(String, [UInt8])] {
    builder().tensors.compactMap { tensor in
      guard case .dense(let codec, .bytes(let bytes)) = tensor.terms[0], codec.isLossless else {
        return nil
      }
      return (tensor.name, bytes)
    }
  }

  static let attachments = [("config.json", Array("{\"a\": 1}".utf8)), ("empty.txt", [])]

  /// The sample as the writer creates it. Without compression the long tensor is omitted, so that the file
  /// stays small.
  static func written(compression: Compression = .fast) throws -> [UInt8] {
    var builder = builder()
    builder.compression = compression
    if compression == .none { builder.tensors.removeAll { $0.name == longName } }
    return try builder.built()
  }

  static let longName = "long"

  /// The parts of the sample.
  init() throws { try self.init(Self.written()) }

  /// Creates the parts of a file whose index is uncompressed or compressed.
  init(_ bytes: [UInt8], isSealed: Bool = false) throws {
    let trailer = try FileTrailer(
      bytes.rawSpan.extracting(bytes.count - 64..<bytes.count), fileByteCount: bytes.count, path: ""
    )
    body = Array(bytes[64..<trailer.indexOffset])
    let end = trailer.indexOffset + trailer.storedIndexByteCount
    let stored = Array(bytes[trailer.indexOffset..<end])
    if trailer.storedIndexByteCount < trailer.indexByteCount {
      var buffer = ByteBuffer(byteCount: trailer.indexByteCount)
      var span = buffer.mutableBytes
      try Zstd().decompress(stored.rawSpan, into: &span)
      index = try CBORValue.parse(span.bytes)
    } else {
      index = try CBORValue.parse(stored.rawSpan)
    }
    let count = trailer.chunkCount(isSealed: isSealed)!
    records = (0..<count).map {
      ChunkRecord(bytes.rawSpan, at: trailer.tableOffset + 32 * $0)!
    }
    seals = Array(bytes[trailer.tableOffset + 32 * count..<trailer.trailerOffset])
  }

  // MARK: Locations

  /// Returns the first record of an entry or attachment.
  func record(of name: String) -> Int {
    var place = 0
    for entry in index.asMap!["tensors"]!.asArray! + index.asMap!["attachments"]!.asArray! {
      let map = entry.asMap!
      if map["name"]?.asText == name { return place }
      let terms = map["terms"]?.asArray ?? [entry]
      for term in terms { place += Int(term.asMap?["chunks"]?.asUInt64 ?? 0) }
    }
    preconditionFailure("no entry is named \(name)")
  }

  /// Returns the offset of a stream from the start of its framed chunk.
  func offset(ofStream stream: Int, of streamCount: Int, chunk: Int) -> Int {
    let start = records[chunk].byteOffset - 64
    var place = 8 * streamCount
    for earlier in 0..<stream {
      let word = body.rawSpan.littleEndian(UInt32.self, at: start + 8 * earlier)!
      place += Int(word & 0x7FFF_FFFF)
    }
    return place
  }

  /// Returns the position of an entry in the index.
  func entry(_ name: String) -> Step {
    .place(
      index.asMap!["tensors"]!.asArray!.firstIndex { $0.asMap?["name"]?.asText == name }!)
  }

  // MARK: Assembly

  /// Returns the file with all checksums computed again.
  func assembled() throws -> [UInt8] {
    let start = headerBytes
    let indexOffset = 64 + body.count
    let plain = rawIndex ?? index.encoded
    var stored = plain
    if compressesIndex || plain.count >= 4096, rawIndex == nil || compressesIndex {
      var buffer = ByteBuffer(byteCount: plain.count)
      var span = buffer.mutableBytes
      let count = try Zstd().compress(plain.rawSpan, into: &span, .matches)!
      stored = span.bytes.extracting(0..<count).array()
    }
    let gap = (indexOffset + stored.count).rounded(upTo: 32) - indexOffset - stored.count
    let middle = stored + (indexPadding ?? [UInt8](repeating: 0, count: gap)) + tableBytes + seals
    var fields = FileTrailer(
      hash: [], indexOffset: indexOffset, fileByteCount: indexOffset + middle.count + 64,
      storedIndexByteCount: stored.count, indexByteCount: plain.count
    ).fields
    changeTrailer(&fields)
    let hash = PackedTail.hash(header: start.rawSpan, body: middle.rawSpan, fields: fields)
    var file = start + body + middle + hash + fields
    changeFile(&file)
    return file
  }

  /// The number of padding bytes after the index.
  var indexGap: Int {
    get throws {
      let file = try assembled()
      let trailer = try FileTrailer(
        file.rawSpan.extracting(file.count - 64..<file.count), fileByteCount: file.count, path: "")
      return trailer.tableOffset - trailer.indexOffset - trailer.storedIndexByteCount
    }
  }

  private var headerBytes: [UInt8] {
    var bytes = header.bytes
    bytes.replaceSubrange(24..<56, with: headerReserved)
    var buffer = ByteBuffer(byteCount: 8)
    var sum = buffer.mutableBytes
    sum.storeLittleEndian(Kernels.xxh64(bytes.rawSpan.extracting(0..<56)), at: 0)
    return Array(bytes[0..<56]) + sum.bytes.array()
  }

  private var tableBytes: [UInt8] {
    var buffer = ByteBuffer(byteCount: 32 * records.count)
    var span = buffer.mutableBytes
    for (place, record) in records.enumerated() {
      record.write(into: &span, at: 32 * place)
      if let codecs = recordCodecs[place] { span.storeLittleEndian(codecs, at: 32 * place + 28) }
      if let flags = recordFlags[place] { span.storeLittleEndian(flags, at: 32 * place + 30) }
    }
    return buffer.bytes.array()
  }

  // MARK: Changes

  /// Changes a part of the index, which is given by a path of keys and positions.
  mutating func edit(_ path: [Step], _ change: (CBORValue?) -> CBORValue?) {
    index = Self.edited(index, path[...], change)!
  }

  enum Step: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    case key(String)
    case place(Int)
    init(stringLiteral value: String) { self = .key(value) }
    init(integerLiteral value: Int) { self = .place(value) }
  }

  private static func edited(
    _ value: CBORValue?, _ path: ArraySlice<Step>, _ change: (CBORValue?) -> CBORValue?
  ) -> CBORValue? {
    guard let step = path.first else { return change(value) }
    switch (step, value) {
    case (.key(let key), .map(var map)?):
      map[key] = edited(map[key], path.dropFirst(), change)
      return .map(map)
    case (.place(let place), .array(var list)?):
      let old = place < list.count ? list[place] : nil
      let new = edited(old, path.dropFirst(), change)
      switch (old, new) {
      case (_?, let new?): list[place] = new
      case (_?, nil): list.remove(at: place)
      case (nil, let new?): list.append(new)
      case (nil, nil): break
      }
      return .array(list)
    default: preconditionFailure("no such part of the index")
    }
  }

  /// Overwrites bytes of a chunk and updates its checksum.
  mutating func overwrite(chunk: Int, at place: Int, with bytes: [UInt8]) {
    let start = records[chunk].byteOffset - 64
    body.replaceSubrange(start + place..<start + place + bytes.count, with: bytes)
    let stored = body[start..<start + records[chunk].storedByteCount]
    records[chunk].checksum = Kernels.xxh64(Array(stored).rawSpan)
  }

  mutating func overwrite(
    _ name: String, stream: Int, of streamCount: Int, at place: Int, with bytes: [UInt8]
  ) {
    let chunk = record(of: name)
    let start = offset(ofStream: stream, of: streamCount, chunk: chunk)
    overwrite(chunk: chunk, at: start + place, with: bytes)
  }

  /// Returns the decoded length of a stream of a framed chunk.
  func streamLength(_ stream: Int, chunk: Int) -> Int {
    let place = records[chunk].byteOffset - 64 + 8 * stream + 4
    return Int(body.rawSpan.littleEndian(UInt32.self, at: place)!)
  }

  mutating func setStream(_ stream: Int, chunk: Int, stored: Int, decoded: Int) {
    var buffer = ByteBuffer(byteCount: 8)
    var span = buffer.mutableBytes
    span.storeLittleEndian(UInt32(stored), at: 0)
    span.storeLittleEndian(UInt32(decoded), at: 4)
    overwrite(chunk: chunk, at: 8 * stream, with: span.bytes.array())
  }

  /// Replaces the last stream of a chunk by another frame and moves everything after it.
  mutating func replaceFrame(chunk: Int, stream: Int, content: [UInt8]) {
    var buffer = ByteBuffer(byteCount: content.count)
    var span = buffer.mutableBytes
    let count = try! Zstd().compress(content.rawSpan, into: &span, .matches)!
    let frame = span.bytes.extracting(0..<count).array()
    let start = offset(ofStream: stream, of: stream + 1, chunk: chunk)
    let decoded = streamLength(stream, chunk: chunk)
    let place = records[chunk].byteOffset - 64
    let bytes = Array(body[place..<place + start]) + frame
    layOut(chunk, as: bytes)
    setStream(stream, chunk: chunk, stored: count | 1 << 31, decoded: decoded)
  }

  /// Writes the body again with other bytes for one chunk.
  private mutating func layOut(_ changed: Int, as bytes: [UInt8]) {
    let starts = segmentStarts
    var new: [UInt8] = []
    for place in records.indices {
      let old = records[place]
      let chunk =
        place == changed ? bytes : Array(body[old.byteOffset - 64..<old.end - 64])
      if starts.contains(place) { new += padding(new.count) }
      records[place].byteOffset = 64 + new.count
      records[place].storedByteCount = chunk.count
      new += chunk
    }
    body = new + padding(new.count)
  }

  private func padding(_ count: Int) -> [UInt8] {
    [UInt8](repeating: 0, count: count.rounded(upTo: 64) - count)
  }

  /// The first records of all segments; each factor has one chunk here.
  private var segmentStarts: Set<Int> {
    var starts: Set<Int> = []
    var place = 0
    for entry in index.asMap!["tensors"]!.asArray! + index.asMap!["attachments"]!.asArray! {
      for term in entry.asMap!["terms"]?.asArray ?? [entry] {
        let count = Int(term.asMap?["chunks"]?.asUInt64 ?? 0)
        let isPair = term.asMap?["kind"]?.asText == "lowRank"
        starts.formUnion(isPair ? [place, place + 1] : [place])
        place += count
      }
    }
    return starts
  }
}
