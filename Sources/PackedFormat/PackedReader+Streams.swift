import Base
import Codecs

extension PackedReader {
  /// Returns the stored length of each stream of a chunk, followed by that of its stream table; the length
  /// of the chunk alone if it is not framed.
  package func storedStreamByteCounts(segment: Int, chunk: Int) throws -> [Int] {
    if let fault = fault(ofSegment: segment) { throw fault }
    let record = record(segment: segment, chunk: chunk)
    guard record.flags.contains(.framed),
      let streams = segments[segment].streamByteCounts(of: record, chunk: chunk)
    else { return [record.storedByteCount] }
    let table = StreamTable.byteCount(streamCount: streams.count)
    let bytes = try file.bytes(
      at: record.byteOffset, count: min(table, record.storedByteCount))
    let counts = streams.indices.map {
      StreamTable.entry(bytes.rawSpan, index: $0)?.storedByteCount ?? 0
    }
    return counts + [table]
  }
}
