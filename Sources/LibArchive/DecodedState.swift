/// The decoder of a stream and the bytes that the stream keeps.
final class DecodedState {
  let keptByteCount: Int
  private(set) var decoder: (any ByteDecoder)?
  var ring = DecodedRing(byteCount: 0, start: 0)

  init(keptByteCount: Int) { self.keptByteCount = keptByteCount }

  /// The offset of the next byte to decode.
  var position: Int { ring.position }
  /// The kept bytes that are in resident memory.
  var residentByteCount: Int { ring.residentByteCount }

  func needsRestart(for byteOffset: Int) -> Bool {
    decoder == nil || byteOffset < ring.keptOffset
  }

  /// - Parameter start: The offset of the first byte that the decoder returns.
  func restart(_ decoder: any ByteDecoder, at start: Int) {
    self.decoder = decoder
    if ring.byteCount == keptByteCount {
      ring.restart(at: start)
    } else {
      ring = DecodedRing(byteCount: keptByteCount, start: start)
    }
  }

  /// Gives up the memory.
  func release() {
    decoder = nil
    ring = DecodedRing(byteCount: 0, start: 0)
  }
}
