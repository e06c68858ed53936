import Base
import Checkpoints
import Crypto
import TensorCore

/// The layout of llama.cpp's sequence and session files.
package enum LlamaLayout: WritableCacheLayout {
  package static let name = "llamacpp"
  package static let holdsAll = false
  package static let holdsPositions = true
  package static let summary = "a llama.cpp sequence file, version 2 or 3"

  package static func recognizes(_ files: CacheFiles) throws -> Bool {
    let magic = files.prefix.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    return files.prefix.count >= 8
      && (magic == LlamaFile.sequenceMagic || magic == LlamaFile.sessionMagic)
  }

  // MARK: Reading

  package static func read(_ files: CacheFiles, _ hints: CacheHints) throws -> KVCache {
    let path = files.path
    let file = try LlamaFile(path)
    func fault(_ message: Message, hint: Message? = nil) -> FormatError {
      FormatError(.cacheShape, message, path: path, hint: hint)
    }
    let (stream, sequence) = try self.stream(of: file, hints, path)
    guard let heads = hints.heads, let dim = hints.headDim else {
      throw fault(
        "has \(stream.keys[0].width) values per token, but the file does not say how many heads share them",
        hint: "pass \(setting: "kv-shape") HEADSxDIM, or \(setting: "model")")
    }
    // The cells of the sequence in the order of positions.
    let cells = stream.cells.indices.filter {
      sequence == nil || stream.cells[$0].sequences.contains(sequence ?? 0)
    }.sorted { (stream.cells[$0].position, $0) < (stream.cells[$1].position, $1) }
    var notes: [Message] = []
    let isAdjacent = (hints.pairing ?? .adjacent) == .adjacent
    if hints.pairing == nil {
      notes.append(
        "assuming that keys have adjacent rotary pairs, as llama.cpp stores Llama models; for other model "
          + "families, pass \(setting: "pairing") halves")
    }
    guard dim % 2 == 0 || !isAdjacent else {
      throw fault("has heads of \(dim) values, but adjacent pairs need an even number")
    }
    if hints.rotated == .yes, dim % 64 != 0 {
      throw UsageError(
        "\(setting: "rotated") yes needs heads with a multiple of 64 values; these have \(dim)")
    }
    let isRotated = hints.rotated != .no
    if hints.rotated == .auto, dim % 64 == 0,
      (stream.keys + stream.values).contains(where: { $0.type.isQuantized })
    {
      notes.append(
        "assuming that quantized heads of \(dim) values are rotated, as in llama.cpp since April 2026; for "
          + "older files, pass \(setting: "rotated") no")
    }
    func tensor(_ name: String, _ block: LlamaFile.Block, isKey: Bool) throws -> LazyTensor {
      guard block.width == heads * dim else {
        throw fault(
          "has \(block.width) values per token, but \(heads) heads of \(dim) have \(heads * dim)",
          hint: "check \(setting: "kv-shape")")
      }
      var rotation: Int?
      if isRotated, block.type.isQuantized {
        rotation =
          isKey ? HadamardRotation.keyBlock(dim: dim) : HadamardRotation.valueBlock(dim: dim)
      }
      let info = try TensorInfo(
        name: name, dtype: block.type.dtype, shape: Shape([1, heads, cells.count, dim]))
      let source = LlamaSource(
        file: file.file, info: info, block: block, cells: cells,
        cellCount: stream.cells.count, isTransposed: stream.isTransposed && !isKey,
        rotation: rotation, hasAdjacentPairs: isKey && isAdjacent)
      return LazyTensor(
        info: info, source: source,
        stored: StoredForm(
          file: FileSystem.baseName(of: path), byteOffset: block.offset,
          byteCount: block.width / block.type.blockSize * block.type.blockByteCount
            * stream.cells.count, dtype: block.type.dtype,
          codec: block.type.isQuantized ? block.type.name : "raw"))
    }
    let layers = try stream.keys.indices.map { number in
      KVCache.Layer(
        number: number,
        key: try tensor(KVCache.keyName(number), stream.keys[number], isKey: true),
        value: try tensor(KVCache.valueName(number), stream.values[number], isKey: false))
    }
    let start = try file.file.bytes(at: 0, count: min(4096, file.file.byteCount))
    let origin = Checkpoint(
      path: path, container: ContainerName(rawValue: name), tensors: [],
      identity: InputIdentity(
        hash: Array(SHA256.hash(data: start)).hexadecimal, byteCount: file.file.byteCount),
      files: [file.file.identity], notes: notes)
    var cache = try KVCache(
      layout: name, layers: layers,
      tokenIDs: file.tokens.count == cells.count ? file.tokens : nil, origin: origin)
    cache.positions = cells.map { stream.cells[$0].position }
    cache.sequence = sequence ?? 0
    cache.headerTokens = file.tokens
    return cache
  }

  /// Returns the stream of the requested sequence and its number, or the only stream.
  private static func stream(
    of file: LlamaFile, _ hints: CacheHints, _ path: String
  ) throws -> (LlamaFile.Stream, Int32?) {
    let streams = file.streams.filter { !$0.cells.isEmpty }
    guard !streams.isEmpty else {
      throw FormatError(.cacheShape, "has no cells; the sequence is empty", path: path)
    }
    let sequences = Set(streams.flatMap { $0.cells.flatMap(\.sequences) }).sorted()
    if let wanted = hints.sequence.flatMap({ Int32(exactly: $0) }) {
      guard
        let stream = streams.first(where: { stream in
          stream.cells.contains { $0.sequences.contains(wanted) }
        })
      else {
        throw FormatError(
          .cacheShape,
          "has no sequence \(wanted), only "
            + sequences.map(String.init).joined(separator: ", "), path: path)
      }
      return (stream, wanted)
    }
    guard sequences.count <= 1, streams.count == 1 else {
      throw FormatError(
        .cacheShape, "has sequences " + sequences.map(String.init).joined(separator: ", "),
        path: path, hint: "choose one with \(setting: "sequence") N")
    }
    return (streams[0], sequences.first)
  }

  // MARK: Writing

  package static func writer(
    _ cache: KVCache, _ request: CacheOutput
  ) throws -> CacheFilesWriter {
    let (heads, dim) = (cache.dimensions[1], cache.dimensions[3])
    let type = try type(request.dtype, cache)
    guard
      let tokens = cache.headerTokens ?? cache.tokenIDs.map({ Array($0.prefix(cache.tokenCount)) })
    else {
      throw UsageError(
        "\(cache.origin.path.printable): has no token ids, which llama.cpp files require",
        hint: "add a tensor token_ids, I32 [\(cache.tokenCount)], to the cache")
    }
    guard heads * dim % type.blockSize == 0 else {
      throw UsageError(
        "\(heads) heads of \(dim) values are not a multiple of 32, which \(type.name) needs")
    }
    let isAdjacent = (request.hints.pairing ?? .adjacent) == .adjacent
    guard !isAdjacent || dim % 2 == 0 else {
      throw UsageError(
        "heads of \(dim) values cannot have adjacent pairs, which need an even number")
    }
    var notes: [Message] = []
    if request.hints.pairing == nil {
      notes.append(
        "writing keys with adjacent rotary pairs, as llama.cpp stores Llama models; for other model "
          + "families, pass \(setting: "pairing") halves")
    }
    if request.hints.rotated == .yes, dim % 64 != 0 || !type.isQuantized {
      throw UsageError(
        "\(setting: "rotated") yes needs q8_0 or q4_0 and heads with a multiple of 64 values; these are "
          + "\(type.name) with \(dim)")
    }
    let isRotated = request.hints.rotated != .no && type.isQuantized && dim % 64 == 0
    if isRotated, request.hints.rotated == .auto {
      notes.append(
        "writing quantized heads of \(dim) values rotated, as in llama.cpp since April 2026; for older "
          + "versions, pass \(setting: "rotated") no")
    }
    guard max(tokens.count, cache.tokenCount) <= LlamaFile.mostCells else {
      throw UsageError(
        "\(cache.tokenCount) tokens exceed the maximum of \(LlamaFile.mostCells)")
    }
    var header = Bytes()
    header.add(LlamaFile.sequenceMagic)
    header.add(3)
    header.add(UInt32(tokens.count))
    for token in tokens { header.add(UInt32(bitPattern: token)) }
    header.add(1)
    header.add(UInt32(cache.tokenCount))
    for place in 0..<cache.tokenCount {
      header.add(UInt32(bitPattern: cache.positions?[place] ?? Int32(place)))
      header.add(1)
      header.add(UInt32(bitPattern: cache.sequence))
    }
    header.add(0)
    header.add(UInt32(cache.layers.count))
    var parts: [CacheFilesWriter.Part] = [.bytes(header.bytes)]
    for isKey in [true, false] {
      for layer in cache.layers {
        let base = isKey ? layer.key : layer.value
        _ = try base.tokenMajor(named: base.name, path: cache.origin.path)
        let source = LlamaRowSource(
          base: base, type: type,
          rotation: isRotated
            ? (isKey ? HadamardRotation.keyBlock(dim: dim) : HadamardRotation.valueBlock(dim: dim))
            : nil, hasAdjacentPairs: isKey && isAdjacent)
        var head = Bytes()
        head.add(type.rawValue)
        head.add(UInt32(truncatingIfNeeded: source.rowByteCount))
        head.add(UInt32(truncatingIfNeeded: source.rowByteCount >> 32))
        parts.append(.bytes(head.bytes))
        let info = try TensorInfo(
          name: base.name, dtype: .u8, shape: Shape([cache.tokenCount, source.rowByteCount]))
        parts.append(.tensor(LazyTensor(info: info, source: source, stored: base.stored)))
      }
    }
    return CacheFilesWriter(
      [CacheFilesWriter.File(name: "", parts: parts)], isDirectory: false, notes: notes)
  }

  private static func type(_ name: String?, _ cache: KVCache) throws -> LlamaType {
    if let name {
      guard let type = LlamaType.allCases.first(where: { $0.name == name.lowercased() }) else {
        throw UsageError(
          "\(setting: "dtype") \(name.printable) is not a dtype of llama.cpp caches",
          hint: "the dtypes are \(LlamaType.allCases.map(\.name).joined(separator: ", "))")
      }
      return type
    }
    switch cache.layers[0].key.info.dtype {
    case .f16: return .f16
    case .bf16: return .bf16
    default: return .f32
    }
  }

  /// A sequence of little-endian numbers.
  private struct Bytes {
    var bytes: [UInt8] = []

    mutating func add(_ number: UInt32) {
      for shift in stride(from: 0, to: 32, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: number >> UInt32(shift)))
      }
    }
  }
}
