import Base

/// The last bytes of a stream that is being decoded.
struct DecodedRing: ~Copyable {
  /// The length of a piece that is decoded at once.
  private static let pieceByteCount = 1 << 20

  /// The bytes before `position` and from `keptOffset` on, each at its offset modulo the length.
  private var buffer: ByteBuffer
  /// The offset of the next byte to decode.
  private(set) var position: Int
  private(set) var keptOffset: Int
  /// The bytes of the buffer that are in resident memory.
  private(set) var residentByteCount = 0

  /// - Parameter start: The offset of the first byte that will be decoded.
  init(byteCount: Int, start: Int) {
    buffer = ByteBuffer(byteCount: byteCount)
    (position, keptOffset) = (start, start)
  }

  var byteCount: Int { buffer.byteCount }

  mutating func restart(at start: Int) { (position, keptOffset) = (start, start) }

  /// Decodes up to `limit` bytes and returns their number; 0 at the end.
  mutating func decode(_ decoder: any ByteDecoder, limit: Int) throws -> Int {
    let index = position % byteCount
    let end = min(byteCount, index + min(limit, Self.pieceByteCount))
    var bytes = buffer.mutableBytes
    var part = bytes._mutatingExtracting(index..<end)
    let count = try decoder.read(into: &part)
    position += count
    residentByteCount = max(residentByteCount, index + count)
    keptOffset = max(keptOffset, position - buffer.byteCount)
    return count
  }

  /// Copies kept bytes from `byteOffset` on, as many as are contiguous, to `target` in `destination`, and returns their
  /// number.
  @_lifetime(destination: copy destination)
  func copy(
    from byteOffset: Int, into destination: inout MutableRawSpan, at target: Int
  ) -> Int {
    let index = byteOffset % byteCount
    let count = min(
      position - byteOffset, byteCount - index, destination.byteCount - target)
    destination.copy(buffer.bytes.extracting(index..<index + count), at: target)
    return count
  }
}
