import Base
import Checkpoints
import Crypto

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

  package static func read(_ files: CacheFiles, _ hints: CacheHints) throws -> KVCache {
    let path = files.path
    let file = try LlamaFile(files.input.openNamedFile())
    let (stream, sequence) = try self.stream(of: file, hints, path)
    let reading = try LlamaReading(file, stream, sequence: sequence, hints, path: path)
    let start = try file.file.bytes(at: 0, count: min(4096, file.file.byteCount))
    let origin = Checkpoint(
      path: path, container: ContainerName(rawValue: name), tensors: [],
      identity: InputIdentity(
        hash: Array(SHA256.hash(data: start)).hexadecimal, byteCount: file.file.byteCount),
      files: [file.file.identity], notes: reading.notes)
    var cache = try KVCache(
      layout: name, layers: stream.keys.indices.map(reading.layer),
      tokenIDs: file.tokens.count == reading.cells.count ? file.tokens : nil, origin: origin)
    cache.positions = reading.cells.map { stream.cells[$0].position }
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

  package static func writer(
    _ cache: KVCache, _ request: CacheOutput
  ) throws -> CacheFilesWriter {
    try LlamaWriting(cache, request).writer()
  }
}
