import Base
import Synchronization
import TensorCore

/// The CRC-32 of the members of an archive that is being written, by pieces in any order and from any thread.
package final class ZipMemberChecksums: Sendable {
  private let byteCounts: [Int]
  private let pieces: Mutex<[CRC32Pieces]>

  package init(_ layout: ZipLayout) {
    byteCounts = layout.entries.map(\.byteCount)
    pieces = Mutex(Array(repeating: CRC32Pieces(), count: layout.entries.count))
  }

  /// Counts bytes of a member that start at `byteOffset` in it. Bytes that were counted before are ignored.
  package func add(_ bytes: borrowing RawSpan, member: Int, at byteOffset: Int) {
    let range = byteOffset..<byteOffset + bytes.byteCount
    for part in pieces.withLock({ $0[member].claim(range) }) {
      let start = part.lowerBound - byteOffset
      let crc = Kernels.crc32(bytes.extracting(start..<start + part.count))
      pieces.withLock { $0[member].complete(part, crc) }
    }
  }

  /// The CRC-32 of each member. Traps if bytes are missing, which would be a fault of the writer.
  package var all: [UInt32] {
    pieces.withLock { pieces in
      zip(pieces, byteCounts).map { pieces, byteCount in
        guard let crc = pieces.crc32(ofFirst: byteCount) else {
          preconditionFailure("all bytes of a member are counted before its header is written")
        }
        return crc
      }
    }
  }
}
