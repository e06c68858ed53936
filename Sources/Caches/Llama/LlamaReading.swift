import Base
import Checkpoints
import TensorCore

/// Reads the keys and values of a sequence from a llama.cpp file.
struct LlamaReading {
  let file: LlamaFile
  let path: String
  let stream: LlamaFile.Stream
  let heads: Int
  let dim: Int
  /// The indices of the sequence's cells, in the order of positions.
  let cells: [Int]
  /// True if quantized heads are rotated.
  let isRotated: Bool
  /// True if the rotary pairs of keys are adjacent.
  let hasAdjacentPairs: Bool
  /// Notes on assumptions about the file.
  let notes: [Message]

  /// - Throws: An error that names the missing fact and the option that supplies it.
  init(
    _ file: LlamaFile, _ stream: LlamaFile.Stream, sequence: Int32?, _ hints: CacheHints,
    path: String
  ) throws {
    func fault(_ message: Message, hint: Message? = nil) -> FormatError {
      FormatError(.cacheShape, message, path: path, hint: hint)
    }
    guard let heads = hints.heads, let dim = hints.headDim else {
      throw fault(
        "has \(stream.keys[0].width) values per token, but the file does not say how many heads share them",
        hint: "pass \(setting: "kv-shape") HEADSxDIM, or \(setting: "model")")
    }
    hasAdjacentPairs = (hints.pairing ?? .adjacent) == .adjacent
    guard dim % 2 == 0 || !hasAdjacentPairs else {
      throw fault("has heads of \(dim) values, but adjacent pairs need an even number")
    }
    if hints.rotated == .yes, dim % 64 != 0 {
      throw UsageError(
        "\(setting: "rotated") yes needs heads with a multiple of 64 values; these have \(dim)")
    }
    isRotated = hints.rotated != .no
    cells = stream.cells.indices.filter {
      sequence == nil || stream.cells[$0].sequences.contains(sequence ?? 0)
    }.sorted { (stream.cells[$0].position, $0) < (stream.cells[$1].position, $1) }
    notes = Self.notes(stream, dim: dim, hints)
    (self.file, self.stream, self.path) = (file, stream, path)
    (self.heads, self.dim) = (heads, dim)
  }

  /// Returns notes on pairing and rotation if the hints do not state them.
  private static func notes(
    _ stream: LlamaFile.Stream, dim: Int, _ hints: CacheHints
  ) -> [Message] {
    var notes: [Message] = []
    if hints.pairing == nil {
      notes.append(
        "assuming that keys have adjacent rotary pairs, as llama.cpp stores Llama models; for other model "
          + "families, pass \(setting: "pairing") halves")
    }
    if hints.rotated == .auto, dim % 64 == 0,
      (stream.keys + stream.values).contains(where: { $0.type.isQuantized })
    {
      notes.append(
        "assuming that quantized heads of \(dim) values are rotated, as in llama.cpp since April 2026; for "
          + "older files, pass \(setting: "rotated") no")
    }
    return notes
  }

  /// Returns the keys and values of a layer.
  func layer(_ number: Int) throws -> KVCache.Layer {
    KVCache.Layer(
      number: number,
      key: try tensor(KVCache.keyName(number), stream.keys[number], isKey: true),
      value: try tensor(KVCache.valueName(number), stream.values[number], isKey: false))
  }

  private func tensor(
    _ name: String, _ block: LlamaFile.Block, isKey: Bool
  ) throws -> LazyTensor {
    guard block.width == heads * dim else {
      throw FormatError(
        .cacheShape,
        "has \(block.width) values per token, but \(heads) heads of \(dim) have \(heads * dim)",
        path: path, hint: "check \(setting: "kv-shape")")
    }
    var rotation: Int?
    if isRotated, block.type.isQuantized {
      rotation =
        isKey ? HadamardRotation.keyBlock(dim: dim) : HadamardRotation.valueBlock(dim: dim)
    }
    let info = try TensorInfo(
      name: name, dtype: block.type.dtype, shape: Shape([1, heads, cells.count, dim]))
    let source = LlamaSource(
      file: file.file, info: info, block: block, cells: cells, cellCount: stream.cells.count,
      isTransposed: stream.isTransposed && !isKey, rotation: rotation,
      hasAdjacentPairs: isKey && hasAdjacentPairs)
    return LazyTensor(
      info: info, source: source,
      stored: StoredForm(
        file: FileSystem.baseName(of: path), byteOffset: block.byteOffset,
        byteCount: block.width / block.type.blockSize * block.type.blockByteCount
          * stream.cells.count, dtype: block.type.dtype,
        codec: block.type.isQuantized ? block.type.name : "raw"))
  }
}
