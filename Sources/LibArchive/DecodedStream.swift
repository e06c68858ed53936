package import Base
import Glibc

/// Decoded bytes that can be read at any offset: in ascending order as fast as they are decoded, and anew from a start for
/// bytes that are no longer kept.
@safe package final class DecodedStream: DecodedBytes, @unchecked Sendable {
  // SAFETY: the state is used only by the thread that `streams` serves.
  /// Starts a decoder for the bytes from an offset on, and returns it with the offset of its first byte.
  package typealias Start = @Sendable (_ byteOffset: Int) throws -> (any ByteDecoder, Int)

  package let byteCount: Int
  private let path: String
  private let order: Int
  private let streams: DecodedStreams
  private let start: Start
  private let state: DecodedState
  /// All bytes, as long as their memory is not needed for something else; nil if they are not kept.
  private let kept: KeptBytes?

  /// - Parameters:
  ///   - order: The place of the stream among those of the archive.
  ///   - decoderByteCount: The memory of a decoder, in bytes.
  ///   - path: The path in messages.
  ///   - decoded: The bytes, if they were decoded and kept before.
  package init(
    byteCount: Int, order: Int, in streams: DecodedStreams, decoderByteCount: Int, path: String,
    decoded: consuming KeptBytes.Builder? = nil, start: @escaping Start
  ) {
    self.byteCount = byteCount
    self.order = order
    self.streams = streams
    self.path = path
    self.start = start
    let keptByteCount = min(byteCount, DecodedStreams.keptByteCount)
    state = DecodedState(keptByteCount: keptByteCount)
    @Sendable func reserve() {
      streams.reserve(keptByteCount: keptByteCount, decoderByteCount: decoderByteCount)
    }
    // Nothing is decoded before the bytes are released, so that no memory is needed for it.
    if let builder = decoded.take() {
      kept = builder.finished(onRelease: reserve)
    } else {
      kept = nil
    }
    if kept == nil { reserve() }
  }

  package func readingPlace(at byteOffset: Int) -> ReadingPlace? {
    ReadingPlace(archive: ObjectIdentifier(streams), stream: order, byteOffset: byteOffset)
  }

  @_lifetime(destination: copy destination)
  package func read(at byteOffset: Int, into destination: inout MutableRawSpan) throws {
    guard destination.byteCount > 0 else { return }
    if let kept, kept.read(at: byteOffset, into: &destination) { return }
    let place = DecodedStreams.Place(order: order, byteOffset: byteOffset)
    // The closure may not capture a parameter with a lifetime, so the memory is lent as a buffer.
    try unsafe destination.withUnsafeMutableBytes { buffer in
      try streams.serve(place) {
        // SAFETY: the buffer is that of the span, which is held exclusively until the call returns.
        var span = unsafe MutableRawSpan(_unsafeBytes: buffer)
        do { try fill(&span, from: byteOffset) } catch {
          state.release()
          throw error
        }
      }
    }
  }

  @_lifetime(destination: copy destination)
  private func fill(_ destination: inout MutableRawSpan, from byteOffset: Int) throws {
    streams.makeRoom(for: state)
    if state.needsRestart(for: byteOffset) {
      let (decoder, first) = try start(byteOffset)
      state.restart(decoder, at: first)
    }
    var done = 0
    while done < destination.byteCount {
      let next = byteOffset + done
      if next >= state.position {
        try decode()
      } else {
        done += state.ring.copy(from: next, into: &destination, at: done)
      }
    }
  }

  private func decode() throws {
    guard let decoder = state.decoder, state.position < byteCount,
      try state.ring.decode(decoder, limit: byteCount - state.position) > 0
    else {
      throw FormatError(
        .damagedArchive,
        "decompresses to \(state.position.grouped) bytes, expected \(byteCount.grouped)", path: path
      )
    }
    if state.position == byteCount { try checkEnd(decoder) }
  }

  /// Throws unless the decoder has no more bytes; decoders compare their checksums then.
  private func checkEnd(_ decoder: any ByteDecoder) throws {
    var extra = ByteBuffer(byteCount: 1)
    var bytes = extra.mutableBytes
    guard try decoder.read(into: &bytes) == 0 else {
      throw FormatError(
        .damagedArchive, "decompresses to more than the expected \(byteCount.grouped) bytes",
        path: path)
    }
  }
}
