import Codecs
import PackedFormat
import TensorCore
import TestSupport
import Zstd

/// A `.sumac` file in parts that can be changed one by one and put together again with checksums
/// that match.
struct SampleFile {
  var header = FileHeader()
  /// Bytes 24 to 55 of the header.
  var headerReserved = [UInt8](repeating: 0, count: 32)
  /// From the header to the index.
  var body: [UInt8] = []
  var index: CBORValue
  var records: [ChunkRecord] = []
  var recordFlags: [Int: UInt16] = [:]
  /// Between the index and the chunk table, beyond what alignment asks for or in its place.
  var indexPadding: [UInt8]?
  /// Written in place of the encoded index.
  var rawIndex: [UInt8]?
  var compressesIndex = false
  /// Changes the trailer's 32 bytes of fields before they are hashed.
  var changeTrailer: (inout [UInt8]) -> Void = { _ in }
  /// Changes the finished file.
  var changeFile: (inout [UInt8]) -> Void = { _ in }

  struct Tensor {
    var name: String
    var dtype: DType
    var dimensions: [Int]
    var values: [UInt8]
  }

  /// Two tensors of several chunks, an empty one, an alias, and two attachments.
  static let tensors: [Tensor] = {
    /// Weights as bfloat16: the exponents compress, the mantissas do not.
    func weights(_ count: Int) -> [UInt8] {
      var random = SeededGenerator(seed: 1)
      return (0..<count).flatMap { _ -> [UInt8] in
        let value =
          Float.random(in: -1...1, using: &random) * Float.random(in: 0...1, using: &random)
        return [UInt8(truncatingIfNeeded: value.bitPattern >> 16), UInt8(value.bitPattern >> 24)]
      }
    }
    return [
      Tensor(name: "a.weight", dtype: .bf16, dimensions: [3, 300_000], values: weights(900_000)),
      Tensor(name: "b", dtype: .u8, dimensions: [5], values: [1, 2, 3, 4, 5]),
      Tensor(name: "empty", dtype: .f32, dimensions: [0, 4], values: []),
      Tensor(name: "c", dtype: .f64, dimensions: [], values: [0, 0, 0, 0, 0, 0, 0xF0, 0x3F]),
    ]
  }()

  static let attachments = [("config.json", Array("{\"a\": 1}".utf8)), ("empty.txt", [])]

  /// The sample as the writer makes it.
  static func written(compression: Compression = .fast) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    let encoder = ChunkEncoder(zstd: Zstd(), compression: compression)
    let writer = try PackedWriter(file: OutputFile(creating: folder["sample.sumac"]))
    var entries: [PackedIndex.Entry] = []
    for tensor in tensors {
      let info = try TensorInfo(
        name: tensor.name, dtype: tensor.dtype, shape: Shape(tensor.dimensions))
      let term = PackedIndex.Term(codec: compression.codecName, chunkCount: info.grid.count)
      entries.append(PackedIndex.Entry(name: tensor.name, content: .tensor(info, [term])))
    }
    entries.append(PackedIndex.Entry(name: "tied", content: .alias(of: 0)))
    let index = PackedIndex(
      entries: entries,
      attachments: try attachments.map { name, bytes in
        PackedIndex.Attachment(try TensorInfo(name: name, dtype: .u8, shape: Shape([bytes.count])))
      },
      metadata: [PackedIndex.Pair(key: "format", value: "pt")],
      optionalFeatures: ["codec:\(compression.codecName)", "term:dense"],
      writer: [PackedIndex.Pair(key: "sumac", value: "test")], lineage: nil)
    for (segment, values) in zip(index.segments, tensors.map(\.values) + attachments.map(\.1)) {
      try write(segment, values, encoder, writer)
    }
    _ = try writer.finish(index)
    return try folder.bytes("sample.sumac")
  }

  private static func write(
    _ segment: PackedSegment, _ values: [UInt8], _ encoder: ChunkEncoder, _ writer: PackedWriter
  ) throws {
    var buffer = ByteBuffer(byteCount: encoder.scratchByteCount(valueByteCount: 1 << 20))
    for chunk in 0..<segment.term.chunkCount {
      let elements = segment.info.grid[chunk]
      var scratch = buffer.mutableBytes
      try encoder.encode(
        values.rawSpan.extracting(segment.info.bytes(of: elements)), dtype: segment.info.dtype,
        elementCount: elements.count, codec: CodecRegistry.valueCodec(named: segment.term.codec)!,
        scratch: &scratch
      ) { bytes, encoded in
        let offset = writer.place(
          byteCount: bytes.byteCount, checksum: Kernels.xxh64(bytes), valueCount: elements.count,
          encoded: encoded, alignment: chunk == 0 ? segment.alignment : nil)
        try writer.write(bytes, at: offset)
      }
    }
  }

  /// The parts of the sample.
  init() throws {
    let bytes = try Self.written()
    let trailer = try FileTrailer(
      bytes.rawSpan.extracting(bytes.count - 64..<bytes.count), fileByteCount: bytes.count, path: ""
    )
    body = Array(bytes[64..<trailer.indexOffset])
    let end = trailer.indexOffset + trailer.storedIndexByteCount
    index = try CBORValue.parse(bytes.rawSpan.extracting(trailer.indexOffset..<end))
    records = (0..<trailer.chunkCount).map {
      ChunkRecord(bytes.rawSpan, at: trailer.tableOffset + 32 * $0)!
    }
  }

  /// The file with all checksums computed anew.
  func assembled() throws -> [UInt8] {
    let start = headerBytes
    let indexOffset = 64 + body.count
    let plain = rawIndex ?? index.encoded
    var stored = plain
    if compressesIndex {
      var buffer = ByteBuffer(byteCount: plain.count)
      var span = buffer.mutableBytes
      let count = try Zstd().compress(plain.rawSpan, into: &span, .matches)!
      stored = span.bytes.extracting(0..<count).array()
    }
    let gap = (indexOffset + stored.count).rounded(upTo: 32) - indexOffset - stored.count
    let middle = stored + (indexPadding ?? [UInt8](repeating: 0, count: gap)) + tableBytes
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
      if let flags = recordFlags[place] { span.storeLittleEndian(flags, at: 32 * place + 30) }
    }
    return buffer.bytes.array()
  }

  /// Changes a part of the index: keys and places lead to it.
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

  /// Writes `bytes` over the body at `offset` of the file and gives the chunk there its true hash.
  mutating func overwrite(chunk: Int, at place: Int, with bytes: [UInt8]) {
    let start = records[chunk].byteOffset - 64
    body.replaceSubrange(start + place..<start + place + bytes.count, with: bytes)
    let stored = body[start..<start + records[chunk].storedByteCount]
    records[chunk].checksum = Kernels.xxh64(Array(stored).rawSpan)
  }
}
