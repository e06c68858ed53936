import Base
import Synchronization
import TensorCore

/// The memory for one panel of an array in Fortran order, shared by the arrays of a file.
///
/// Chunks are read in ascending order, so that all chunks of a panel are read while it is here.
package final class FortranPanels: Sendable {
  /// The size of a panel that is read from a file, in bytes.
  static let storedByteCount = 8 << 20
  /// The size of a panel of decoded bytes. It is larger since each panel decodes the whole array.
  static let decodedByteCount = 128 << 20

  /// The panel that is in memory.
  private struct Content: ~Copyable {
    /// The number of the array, and the first element of its panel.
    var key: (array: Int, element: Int)?
    var buffer: ByteBuffer
  }

  package init() {}

  private let content = Mutex(Content(key: nil, buffer: ByteBuffer(byteCount: 0)))
  /// The memory for the largest panel, and for reading it.
  private let reservation = MemoryReservation()

  /// Counts the memory that an array needs; all arrays use the same memory in turn.
  func reserve(byteCount: Int) {
    reservation.byteCount = max(reservation.byteCount, byteCount)
  }

  /// Calls `use` with the bytes of a panel; `load` fills them if another panel is in memory.
  /// - Parameters:
  ///   - array: The number of the array in its file.
  ///   - element: The first element of the panel.
  ///   - byteCount: The length of the panel.
  func with(
    array: Int, element: Int, byteCount: Int,
    load: (inout MutableRawSpan) throws -> Void, use: (borrowing RawSpan) throws -> Void
  ) throws {
    try content.withLock { content in
      let isLoaded = content.key.map { $0 == (array, element) } ?? false
      if !isLoaded {
        content.key = nil
        if content.buffer.byteCount < byteCount {
          // The old memory is released before the new memory is taken.
          content.buffer = ByteBuffer(byteCount: 0)
          content.buffer = ByteBuffer(byteCount: byteCount)
        }
        var span = content.buffer.mutableBytes
        var panel = span._mutatingExtracting(0..<byteCount)
        try load(&panel)
        content.key = (array, element)
      }
      try use(content.buffer.bytes.extracting(0..<byteCount))
    }
  }
}
