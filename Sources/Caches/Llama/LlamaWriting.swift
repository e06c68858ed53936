import Base
import Checkpoints
import TensorCore

/// Writes a cache as a llama.cpp sequence file, version 3.
struct LlamaWriting {
  private let cache: KVCache
  private let type: LlamaType
  /// The token ids in the header.
  private let tokens: [Int32]
  /// True if heads are written rotated.
  private let isRotated: Bool
  /// True if the rotary pairs of keys are written adjacent.
  private let hasAdjacentPairs: Bool
  private let notes: [Message]

  /// - Throws: An error if the file cannot store the cache as requested.
  init(_ cache: KVCache, _ request: CacheOutput) throws {
    let (heads, dim) = (cache.dimensions[1], cache.dimensions[3])
    type = try Self.type(request.dtype, cache)
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
    hasAdjacentPairs = (request.hints.pairing ?? .adjacent) == .adjacent
    guard !hasAdjacentPairs || dim % 2 == 0 else {
      throw UsageError(
        "heads of \(dim) values cannot have adjacent pairs, which need an even number")
    }
    let canRotate = type.isQuantized && dim % 64 == 0
    if request.hints.rotated == .yes, !canRotate {
      throw UsageError(
        "\(setting: "rotated") yes needs q8_0 or q4_0 and heads with a multiple of 64 values; these are "
          + "\(type.name) with \(dim)")
    }
    isRotated = request.hints.rotated != .no && canRotate
    guard max(tokens.count, cache.tokenCount) <= LlamaFile.maximumCellCount else {
      throw UsageError(
        "\(cache.tokenCount) tokens exceed the maximum of \(LlamaFile.maximumCellCount)")
    }
    notes = Self.notes(dim: dim, isRotated: isRotated, request.hints)
    (self.cache, self.tokens) = (cache, tokens)
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

  /// Returns notes on pairing and rotation if the hints do not state them.
  private static func notes(dim: Int, isRotated: Bool, _ hints: CacheHints) -> [Message] {
    var notes: [Message] = []
    if hints.pairing == nil {
      notes.append(
        "writing keys with adjacent rotary pairs, as llama.cpp stores Llama models; for other model "
          + "families, pass \(setting: "pairing") halves")
    }
    if isRotated, hints.rotated == .auto {
      notes.append(
        "writing quantized heads of \(dim) values rotated, as in llama.cpp since April 2026; for older "
          + "versions, pass \(setting: "rotated") no")
    }
    return notes
  }

  /// Returns the writer of the file: the header, then all keys, then all values.
  func writer() throws -> CacheFilesWriter {
    var parts: [CacheFilesWriter.Part] = [.bytes(header)]
    for isKey in [true, false] {
      for layer in cache.layers {
        parts += try self.parts(of: isKey ? layer.key : layer.value, isKey: isKey)
      }
    }
    return CacheFilesWriter(
      [CacheFilesWriter.File(name: "", parts: parts)], isDirectory: false, notes: notes)
  }

  /// The bytes up to the first layer: token ids, one stream, its cells, and the number of layers.
  private var header: [UInt8] {
    var header = Bytes()
    header.add(LlamaFile.sequenceMagic)
    header.add(3)
    header.add(UInt32(tokens.count))
    for token in tokens { header.add(UInt32(bitPattern: token)) }
    header.add(1)
    header.add(UInt32(cache.tokenCount))
    for cell in 0..<cache.tokenCount {
      header.add(UInt32(bitPattern: cache.positions?[cell] ?? Int32(cell)))
      header.add(1)
      header.add(UInt32(bitPattern: cache.sequence))
    }
    header.add(0)
    header.add(UInt32(cache.layers.count))
    return header.bytes
  }

  /// Returns the type, row size and rows of a tensor.
  private func parts(of tensor: LazyTensor, isKey: Bool) throws -> [CacheFilesWriter.Part] {
    _ = try tensor.tokenMajor(named: tensor.name, path: cache.origin.path)
    let dim = cache.dimensions[3]
    let rotation =
      isKey ? HadamardRotation.keyBlock(dim: dim) : HadamardRotation.valueBlock(dim: dim)
    let source = LlamaRowSource(
      base: tensor, type: type, rotation: isRotated ? rotation : nil,
      hasAdjacentPairs: isKey && hasAdjacentPairs)
    var head = Bytes()
    head.add(type.rawValue)
    head.add(UInt32(truncatingIfNeeded: source.rowByteCount))
    head.add(UInt32(truncatingIfNeeded: source.rowByteCount >> 32))
    let info = try TensorInfo(
      name: tensor.name, dtype: .u8, shape: Shape([cache.tokenCount, source.rowByteCount]))
    return [
      .bytes(head.bytes), .tensor(LazyTensor(info: info, source: source, stored: tensor.stored)),
    ]
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
