import Base
import Checkpoints
import Crypto
import TensorCore

/// Sequence files of llama.cpp, and session files.
package enum LlamaLayout: WritableCacheLayout {
  package static let name = "llamacpp"
  package static let holdsAll = false
  package static let holdsPositions = true
  package static let summary = "a sequence file of llama.cpp, version 2 or 3"

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
        "has \(stream.keys[0].width) values for a token: how many heads share them is not in the file",
        hint: "say it: \(setting: "kv-shape") HEADSxDIM, or \(setting: "model")")
    }
    // In the order of positions; what else is in the stream is not the sequence's.
    let cells = stream.cells.indices.filter {
      sequence == nil || stream.cells[$0].sequences.contains(sequence ?? 0)
    }.sorted { (stream.cells[$0].position, $0) < (stream.cells[$1].position, $1) }
    var notes: [Message] = []
    let isAdjacent = (hints.pairing ?? .adjacent) == .adjacent
    if hints.pairing == nil {
      notes.append(
        "keys are taken to have rotary pairs side by side, as llama.cpp keeps those of Llama models; if the "
          + "model is of another family: \(setting: "pairing") halves")
    }
    guard dim % 2 == 0 || !isAdjacent else {
      throw fault("has heads of \(dim) values, which do not come in pairs")
    }
    if hints.rotated == .yes, dim % 64 != 0 {
      throw UsageError(
        "\(setting: "rotated") yes is for heads of a multiple of 64 values, these have \(dim)")
    }
    let isRotated = hints.rotated != .no
    if hints.rotated == .auto, dim % 64 == 0,
      (stream.keys + stream.values).contains(where: { $0.type.isQuantized })
    {
      notes.append(
        "quantized heads of \(dim) are taken to be rotated, as llama.cpp does since April 2026; if the file is "
          + "older: \(setting: "rotated") no")
    }
    func tensor(_ name: String, _ block: LlamaFile.Block, isKey: Bool) throws -> LazyTensor {
      guard block.width == heads * dim else {
        throw fault(
          "has \(block.width) values for a token, \(heads) heads of \(dim) have \(heads * dim)",
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

  /// The stream of the sequence that is asked for, or of the only one.
  private static func stream(
    of file: LlamaFile, _ hints: CacheHints, _ path: String
  ) throws -> (LlamaFile.Stream, Int32?) {
    let streams = file.streams.filter { !$0.cells.isEmpty }
    guard !streams.isEmpty else {
      throw FormatError(.cacheShape, "has no cells: the sequence was empty", path: path)
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
          "has no sequence \(wanted), it has "
            + sequences.map(String.init).joined(separator: ", "), path: path)
      }
      return (stream, wanted)
    }
    guard sequences.count <= 1, streams.count == 1 else {
      throw FormatError(
        .cacheShape, "has sequences " + sequences.map(String.init).joined(separator: ", "),
        path: path, hint: "say which: \(setting: "sequence") N")
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
        "\(cache.origin.path.printable): has no token ids, which llama.cpp's files begin with",
        hint: "add a tensor token_ids, I32 [\(cache.tokenCount)], to the cache")
    }
    guard heads * dim % type.blockSize == 0 else {
      throw UsageError(
        "\(heads) heads of \(dim) values are no multiple of 32, which \(type.name) needs")
    }
    let isAdjacent = (request.hints.pairing ?? .adjacent) == .adjacent
    guard !isAdjacent || dim % 2 == 0 else {
      throw UsageError("heads of \(dim) values do not come in pairs")
    }
    var notes: [Message] = []
    if request.hints.pairing == nil {
      notes.append(
        "keys are written with rotary pairs side by side, as llama.cpp keeps those of Llama models; for other "
          + "families: \(setting: "pairing") halves")
    }
    if request.hints.rotated == .yes, dim % 64 != 0 || !type.isQuantized {
      throw UsageError(
        "\(setting: "rotated") yes is for q8_0 and q4_0 and heads of a multiple of 64 values, these are "
          + "\(type.name) of \(dim)")
    }
    let isRotated = request.hints.rotated != .no && type.isQuantized && dim % 64 == 0
    if isRotated, request.hints.rotated == .auto {
      notes.append(
        "quantized heads of \(dim) are written rotated, as llama.cpp does since April 2026; for older ones: "
          + "\(setting: "rotated") no")
    }
    guard max(tokens.count, cache.tokenCount) <= LlamaFile.mostCells else {
      throw UsageError(
        "\(cache.tokenCount) tokens are more than the \(LlamaFile.mostCells) that are written")
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
          "\(setting: "dtype") \(name.printable) is none of llama.cpp's caches",
          hint: "they are \(LlamaType.allCases.map(\.name).joined(separator: ", "))")
      }
      return type
    }
    switch cache.layers[0].key.info.dtype {
    case .f16: return .f16
    case .bf16: return .bf16
    default: return .f32
    }
  }

  /// Little-endian numbers one behind the other.
  private struct Bytes {
    var bytes: [UInt8] = []

    mutating func add(_ number: UInt32) {
      for shift in stride(from: 0, to: 32, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: number >> UInt32(shift)))
      }
    }
  }
}
