import Synchronization
package import TensorCore

/// Writes the parts of a `.sumac` file in order; chunks are placed one after the other and written
/// by many threads.
package final class PackedWriter: Sendable {
  private struct State {
    var end = FileHeader.byteCount
    var records: [ChunkRecord] = []
  }

  private let file: OutputFile
  private let state = Mutex(State())

  package init(file: OutputFile) throws(FileError) {
    self.file = file
    var header = ByteBuffer(byteCount: FileHeader.byteCount)
    var span = header.mutableBytes
    FileHeader().write(into: &span)
    try file.write(header.bytes, at: 0)
  }

  /// Gives the next chunk its place. Chunks come in the order of the table.
  /// - Parameter alignment: of the segment, if the chunk is its first.
  /// - Returns: where to write its bytes.
  package func place(
    byteCount: Int, checksum: UInt64, valueCount: Int, encoded: ChunkEncoder.Encoded,
    alignment: Int?
  ) -> Int {
    state.withLock { state in
      let offset = alignment.map { state.end.rounded(upTo: $0) } ?? state.end
      state.records.append(
        ChunkRecord(
          byteOffset: offset, storedByteCount: byteCount,
          decodedByteCount: encoded.decodedByteCount, checksum: checksum, valueCount: valueCount,
          codec: encoded.codec, flags: encoded.flags))
      state.end = offset + byteCount
      return offset
    }
  }

  package func write(_ bytes: borrowing RawSpan, at byteOffset: Int) throws(FileError) {
    try file.write(bytes, at: byteOffset)
  }

  /// Writes index, chunk table and trailer behind the last chunk.
  /// - Returns: the length of the file.
  package func finish(_ index: PackedIndex) throws -> Int {
    let (end, records) = state.withLock { ($0.end, $0.records) }
    let tail = try PackedTail(index: index, records: records, indexOffset: end.rounded(upTo: 64))
    try file.write(tail.bytes.rawSpan, at: tail.indexOffset)
    return tail.indexOffset + tail.bytes.count
  }
}
