package import Base
import Checkpoints
import Networks

/// A file with the state of a run after a block: the hidden states of all windows, and the figures so far.
///
/// The same run goes on from it after it was killed, with the same results. The file is replaced as a whole after each
/// block, and removed when the run is complete. Its name is a hash of the run, so that runs with other inputs or options
/// have files of their own in the folder.
///
/// The file consists of the bytes `SUMACRUN`, the length of the header in 8 bytes, the header in CBOR, the hidden states
/// as float32, and a checksum of 8 bytes over header and states. All numbers are little-endian.
package struct BlockJournal: Sendable {
  private static let magic = Array("SUMACRUN".utf8)
  package static let suffix = ".run"
  private static let headerLimit = 1 << 30

  package let path: String
  /// The inputs and options of the run.
  private let key: String
  private let folder: String
  private let note: @Sendable (Message) -> Void

  /// - Parameters:
  ///   - folder: The folder of the file. It is created with the first state if it does not exist.
  ///   - key: A text that differs if inputs or options of the run differ.
  ///   - note: Called with what a person should know about the state that was found.
  /// - Throws: ``FileError``.
  package init(
    folder: String, key: String, note: @escaping @Sendable (Message) -> Void
  ) throws {
    self.folder = folder
    self.key = key
    self.note = note
    path = folder + "/" + XXH64.digits(of: Array(key.utf8)) + Self.suffix
    if try FileSystem.targetType(folder) == nil {
      try AtomicOutput(path: folder, replacesExisting: false).check(isDirectory: true)
    } else {
      try AtomicOutput(path: path, replacesExisting: true).check(isDirectory: false)
    }
  }

  /// Removes the file.
  package func remove() throws {
    if try FileSystem.typeIfPresent(path) != nil { try FileSystem.removeFile(path) }
  }

  private static func littleEndian(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  // MARK: Writing

  /// Replaces the file by the states of `streams` after `blockCount` blocks.
  func store(_ streams: [LayerStream], blockCount: Int, _ figures: CBORValue) throws {
    let header = CBORValue.map([
      "key": .text(key), "blocks": CBORValue(blockCount), "figures": figures,
      "states": .array(streams.map { CBORValue($0.stateByteCount) }),
    ]).encoded
    if try FileSystem.targetType(folder) == nil { try FileSystem.createDirectory(folder) }
    try AtomicOutput(path: path, replacesExisting: true).writeFile { file in
      let start = Self.magic + Self.littleEndian(UInt64(header.count)) + header
      try file.write(start.rawSpan, at: 0)
      var byteOffset = start.count
      var checksum = XXH64.hash(header.span)
      for stream in streams {
        checksum = try stream.store(in: file, at: byteOffset, checksum: checksum)
        byteOffset += stream.stateByteCount
      }
      let end = Self.littleEndian(checksum)
      try file.write(end.rawSpan, at: byteOffset)
    }
  }

  // MARK: Reading

  /// Restores the states of `streams` and the figures of a run that was killed.
  /// - Returns: The number of blocks that are done; nil if there is no state of this run, or if it is damaged.
  func restore(
    _ streams: [LayerStream], _ figures: inout some BlockFigures
  ) throws -> Int? {
    guard try FileSystem.targetType(folder) != nil else { return nil }
    try removeAbandoned()
    guard try FileSystem.typeIfPresent(path) != nil else {
      let others = try FileSystem.names(in: folder).filter { $0.hasSuffix(Self.suffix) }
      if !others.isEmpty {
        note(
          "\(folder.printable) has \(others.count.counted("state")) of runs with other inputs or options, which stay as they are"
        )
      }
      return nil
    }
    guard let count = try restored(streams, &figures) else {
      note("\(path.printable) is damaged or belongs to another run; the run starts over")
      return nil
    }
    note("goes on after block \(count) of \(BlockWalk.layerCount(streams))")
    return count
  }

  /// Removes what a writer left that was killed.
  private func removeAbandoned() throws {
    let name = FileSystem.baseName(of: path)
    for entry in try AbandonedOutputs.entries(in: folder, of: name)
    where entry.state == .abandoned {
      try FileSystem.removeFile(folder + "/" + entry.name)
    }
  }

  /// The header of the file.
  private struct Header {
    let byteCount: Int
    let blockCount: Int
    let figures: CBORValue
    let checksum: UInt64

    /// Reads a header; nil if it is malformed or that of another run.
    init?(_ file: InputFile, key: String, sizes: [Int]) throws {
      let start = BlockJournal.magic.count + 8
      guard file.byteCount >= start else { return nil }
      let first = try file.bytes(at: 0, count: start)
      let length = BlockJournal.number(first[8...])
      guard Array(first[..<8]) == BlockJournal.magic, let count = Int(exactly: length),
        count <= min(BlockJournal.headerLimit, file.byteCount - start),
        file.byteCount == start + count + sizes.reduce(8, +)
      else { return nil }
      let bytes = try file.bytes(at: start, count: count)
      let span = bytes.span
      let value: CBORValue
      do { value = try CBORValue.parse(span) } catch { return nil }
      guard let members = value.asMap, members["key"]?.asText == key,
        let blockCount = members["blocks"]?.asInt, let figures = members["figures"],
        let states = members["states"]?.asArray, states.map({ $0.asInt ?? -1 }) == sizes
      else { return nil }
      byteCount = start + count
      self.blockCount = blockCount
      self.figures = figures
      checksum = XXH64.hash(span)
    }
  }

  private func restored(
    _ streams: [LayerStream], _ figures: inout some BlockFigures
  ) throws -> Int? {
    let file = try InputFile(path: path)
    let sizes = streams.map { $0.stateByteCount }
    guard let header = try Header(file, key: key, sizes: sizes) else { return nil }
    var byteOffset = header.byteCount
    var checksum = header.checksum
    for stream in streams {
      checksum = try stream.restore(from: file, at: byteOffset, checksum: checksum)
      byteOffset += stream.stateByteCount
    }
    let stored = Self.number(try file.bytes(at: byteOffset, count: 8)[...])
    guard stored == checksum,
      (1...BlockWalk.layerCount(streams)).contains(header.blockCount),
      figures.restore(header.figures)
    else { return nil }
    return header.blockCount
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}

/// The figures that a run collects from block to block.
protocol BlockFigures {
  /// The figures as a journal stores them.
  var record: CBORValue { get }
  /// Replaces the figures by stored ones. Returns false if they have another form.
  mutating func restore(_ record: CBORValue) -> Bool
}

/// The figures of a run that has none before its last block.
struct NoFigures: BlockFigures {
  var record: CBORValue { .null }
  mutating func restore(_ record: CBORValue) -> Bool { record == .null }
}

/// A walk of networks through their blocks, side by side, which goes on from a journal.
struct BlockWalk {
  let streams: [LayerStream]
  let journal: BlockJournal?

  /// The number of blocks of the largest network.
  static func layerCount(_ streams: [LayerStream]) -> Int { streams.map(\.layerCount).max() ?? 0 }

  /// Calls `body` with each block that is not done yet.
  /// - Parameters:
  ///   - figures: The figures before the first block; they are replaced by those of a journal.
  ///   - progress: Called after each block, and at once for those that the journal has.
  func run<Figures: BlockFigures>(
    _ figures: inout Figures, progress: () -> Void,
    _ body: (Int, inout Figures) throws -> Void
  ) throws {
    let layerCount = Self.layerCount(streams)
    var first = 0
    if let done = try journal?.restore(streams, &figures) {
      first = done
      for _ in 0..<done { progress() }
    } else {
      for stream in streams { try stream.storeEmbeddings() }
    }
    for layer in first..<layerCount {
      try body(layer, &figures)
      try journal?.store(streams, blockCount: layer + 1, figures.record)
      progress()
    }
  }
}
