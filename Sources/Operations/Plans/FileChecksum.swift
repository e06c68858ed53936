import Base
import Checkpoints
import Synchronization
import TensorCore

/// A fast checksum of a file: the XXH64 of the XXH64 of each MiB.
enum FileChecksum {
  static let pieceByteCount = 1 << 20

  /// Returns the checksum of the bytes from an offset on, as sixteen hexadecimal digits.
  /// - Complexity: O(*n*) on all threads of the engine; 8 bytes for each MiB.
  static func text(of path: String, from start: Int, engine: Engine) throws -> String {
    let file = try InputFile(path: path)
    let length = max(0, file.byteCount - start)
    let count = (length + pieceByteCount - 1) / pieceByteCount
    let sums = Mutex([UInt64](repeating: 0, count: count))
    // The pieces do not count as progress, which counts the values that are written.
    let engine = Engine(
      workers: engine.workers, cancellation: engine.cancellation, progress: NoProgress())
    try engine.forEachPiece(count: count, workspaceByteCount: pieceByteCount) {
      piece, workspace in
      let offset = start + piece * pieceByteCount
      let size = min(pieceByteCount, file.byteCount - offset)
      var bytes = workspace._mutatingExtracting(0..<size)
      try file.read(at: offset, into: &bytes)
      let sum = Kernels.xxh64(bytes.bytes)
      sums.withLock { $0[piece] = sum }
    }
    let bytes = sums.withLock { $0 }.flatMap { sum in
      (0..<8).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) }
    }
    return XXH64.digits(of: bytes)
  }
}
