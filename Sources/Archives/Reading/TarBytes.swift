import Base
import LibArchive

/// The bytes of a tar archive from the first to the last.
protocol TarBytes: AnyObject {
  /// The number of bytes that were read or skipped.
  var position: Int { get }
  /// Returns the next `count` bytes; nil if there are fewer.
  func read(_ count: Int) throws -> [UInt8]?
  /// Skips the content of a member, and returns the parts of it to keep; nil if there are fewer bytes.
  func skip(_ count: Int) throws -> MemberEdges?
}

/// The first and last bytes of a member, which are kept so that headers need no second pass.
struct MemberEdges: Sendable {
  var head: [UInt8] = []
  var tail: [UInt8] = []
}

/// A tar archive that is not compressed.
final class PlainTarBytes: TarBytes {
  private let file: InputFile
  private(set) var position = 0

  init(_ file: InputFile) { self.file = file }

  func read(_ count: Int) throws -> [UInt8]? {
    guard count <= file.byteCount - position else { return nil }
    defer { position += count }
    return try file.bytes(at: position, count: count)
  }

  func skip(_ count: Int) -> MemberEdges? {
    guard count <= file.byteCount - position else { return nil }
    position += count
    return MemberEdges()
  }
}

/// A compressed tar archive, which is decoded once to list its members.
final class DecodedTarBytes: TarBytes {
  /// The longest member that is kept as a whole.
  private static let smallByteCount = 1 << 20
  private static let headByteCount = 256 << 10
  private static let tailByteCount = 64 << 10
  /// The number of bytes that are kept of all members together.
  private static let budgetByteCount = 32 << 20

  private let decoder: any ByteDecoder
  private let limits: ArchiveLimits
  private(set) var position = 0
  private var keptByteCount = 0
  private var pieces = DecodedPieces()
  /// All bytes so far, unless they are too many to be kept.
  private var decoded: KeptBytes.Builder?

  /// - Parameter keptLimit: The number of decoded bytes that may be kept.
  init(_ decoder: any ByteDecoder, limits: ArchiveLimits, keptLimit: Int) {
    self.decoder = decoder
    self.limits = limits
    // Few archives have more bytes than what they contain.
    decoded =
      limits.archiveByteCount <= keptLimit ? KeptBytes.Builder(limit: keptLimit) : nil
  }

  /// Returns all bytes if they were kept. Call it once, after the last byte.
  func takeDecoded() -> KeptBytes.Builder? { decoded.take() }

  /// Passes the next `count` bytes, in pieces, to `body` with the number of bytes before each; returns false if there are
  /// fewer.
  private func forEachPiece(
    _ count: Int, _ body: (Int, borrowing RawSpan) -> Void
  ) throws -> Bool {
    var done = 0
    while done < count {
      guard try pieces.fill(from: decoder) else { return false }
      try limits.check(byteCount: position + pieces.byteCount)
      let length = pieces.take(atMost: count - done) { piece in
        decoded?.append(piece)
        body(done, piece)
      }
      done += length
      position += length
    }
    return true
  }

  func read(_ count: Int) throws -> [UInt8]? {
    var bytes: [UInt8] = []
    guard try forEachPiece(count, { bytes += $1.array() }) else { return nil }
    return bytes
  }

  func skip(_ count: Int) throws -> MemberEdges? {
    decoded?.require(count)
    var (headCount, tailCount) =
      count <= Self.smallByteCount ? (count, 0) : (Self.headByteCount, Self.tailByteCount)
    if keptByteCount + headCount + tailCount > Self.budgetByteCount {
      (headCount, tailCount) = (0, 0)
    }
    keptByteCount += headCount + tailCount
    let tailStart = count - tailCount
    var edges = MemberEdges()
    let isWhole = try forEachPiece(count) { start, piece in
      if start < headCount {
        edges.head += piece.extracting(0..<min(piece.byteCount, headCount - start)).array()
      }
      if tailCount > 0, start + piece.byteCount > tailStart {
        edges.tail += piece.extracting(max(0, tailStart - start)..<piece.byteCount).array()
      }
    }
    return isWhole ? edges : nil
  }
}

/// The decoded bytes that were not read yet.
private struct DecodedPieces: ~Copyable {
  private var buffer = ByteBuffer(byteCount: 1 << 20)
  private var rest = 0..<0

  var byteCount: Int { rest.count }

  /// Decodes more if all bytes were read; returns false at the end.
  mutating func fill(from decoder: any ByteDecoder) throws -> Bool {
    guard rest.isEmpty else { return true }
    var span = buffer.mutableBytes
    rest = 0..<(try decoder.read(into: &span))
    return !rest.isEmpty
  }

  /// Passes bytes to `body` and returns their number.
  mutating func take(atMost count: Int, _ body: (borrowing RawSpan) -> Void) -> Int {
    let part = rest.lowerBound..<rest.lowerBound + min(rest.count, count)
    body(buffer.bytes.extracting(part))
    rest = part.upperBound..<rest.upperBound
    return part.count
  }
}
