import Base
import LibArchive
import Synchronization

/// The compression of a tar archive.
enum TarCompression: Sendable {
  case none, gzip, bzip2, zstd

  /// Returns the compression of a file by its first bytes; nil if they are those of something else.
  init?(prefix: [UInt8]) {
    switch prefix {
    case let start where start.starts(with: [0x1F, 0x8B, 8]): self = .gzip
    case let start where start.starts(with: Array("BZh".utf8)): self = .bzip2
    case let start where start.starts(with: [0x28, 0xB5, 0x2F, 0xFD]): self = .zstd
    default: return nil
    }
  }
}

/// The members of a tar archive, read in place or decoded.
struct TarContent: ArchiveContent {
  let file: InputFile
  let members: [ArchiveMember]
  private let files: [TarListing.File]
  private let names: [String]
  /// The decoded archive; nil if it is not compressed.
  private let stream: DecodedStream?

  init(_ file: InputFile, _ compression: TarCompression, limit: CatalogLimit) throws {
    self.file = file
    let limits = ArchiveLimits(path: file.path, archiveByteCount: file.byteCount)
    let frames = FrameStarts()
    let decoder = try Self.decoder(file, compression, frames)
    let decoded = decoder.map {
      DecodedTarBytes($0, limits: limits, keptLimit: limit.keptByteCount)
    }
    let bytes: any TarBytes = if let decoded { decoded } else { PlainTarBytes(file) }
    let listing = try TarListing(bytes, limits: limits, catalogLimit: limit)
    members = listing.members
    files = listing.files
    var names = Array(repeating: "", count: listing.files.count)
    for member in listing.members {
      if case .file(let number) = member.kind { names[number] = member.path }
    }
    self.names = names
    stream = try decoded.map {
      try Self.stream(
        file, compression, byteCount: listing.byteCount, frames.all, decoded: $0.takeDecoded())
    }
  }

  /// Returns true if the bytes of a compressed file start like a tar archive.
  static func isTar(_ file: InputFile, _ compression: TarCompression) throws -> Bool {
    guard let decoder = try decoder(file, compression, FrameStarts()) else { return false }
    var start: [UInt8] = []
    while start.count < TarHeader.byteCount {
      var buffer = ByteBuffer(byteCount: TarHeader.byteCount - start.count)
      var span = buffer.mutableBytes
      let count = try decoder.read(into: &span)
      guard count > 0 else { return false }
      start += span.bytes.extracting(0..<count).array()
    }
    return TarHeader.isTar(start.rawSpan)
  }

  private static func decoder(
    _ file: InputFile, _ compression: TarCompression, _ frames: FrameStarts
  ) throws -> (any ByteDecoder)? {
    switch compression {
    case .none: nil
    case .gzip: try GzipDecoder(file)
    case .bzip2:
      try LibArchiveDecoder(.bzip2, in: 0..<file.byteCount, of: file, path: file.path)
    case .zstd: try ZstdDecoder(file) { frames.add(encoded: $0, decoded: $1) }
    }
  }

  private static func stream(
    _ file: InputFile, _ compression: TarCompression, byteCount: Int, _ frames: [FrameStart],
    decoded: consuming KeptBytes.Builder?
  ) throws -> DecodedStream {
    let memory: Int =
      switch compression {
      case .none: 0
      case .gzip: EncodedContent.gzip.decoderByteCount
      case .bzip2: EncodedContent.bzip2.decoderByteCount
      case .zstd: try ZstdDecoder.memoryByteCount(file)
      }
    return DecodedStream(
      byteCount: byteCount, order: 0, in: DecodedStreams(), decoderByteCount: memory,
      path: file.path, decoded: decoded
    ) { byteOffset in
      if compression == .zstd {
        // The last frame that starts at the byte or before it.
        let index = frames.partitioningIndex { $0.decoded > byteOffset }
        let frame = index > 0 ? frames[index - 1] : FrameStart(encoded: 0, decoded: 0)
        return (try ZstdDecoder(file, from: frame.encoded), frame.decoded)
      }
      // `init` makes a stream only for an archive that has a decoder, and the compression alone decides about that.
      guard let decoder = try decoder(file, compression, FrameStarts()) else {
        preconditionFailure("only compressed archives are decoded")
      }
      return (decoder, 0)
    }
  }

  func open(_ number: Int) throws -> InputFile {
    let member = files[number]
    let path = file.path + "/" + names[number]
    guard let stream else { return InputFile(member.bytes, of: file, path: path) }
    return InputFile(
      RememberedMember(stream: stream, bytes: member.bytes, edges: member.edges), from: file,
      path: path)
  }
}

/// A member of a compressed archive whose first and last bytes are kept.
private struct RememberedMember: DecodedBytes {
  let stream: DecodedStream
  let bytes: Range<Int>
  let edges: MemberEdges

  var byteCount: Int { bytes.count }

  func readingPlace(at byteOffset: Int) -> ReadingPlace? {
    stream.readingPlace(at: bytes.lowerBound + byteOffset)
  }

  @_lifetime(destination: copy destination)
  func read(at byteOffset: Int, into destination: inout MutableRawSpan) throws {
    let end = byteOffset + destination.byteCount
    let tailStart = byteCount - edges.tail.count
    if end <= edges.head.count {
      destination.copy(edges.head.rawSpan.extracting(byteOffset..<end))
    } else if byteOffset >= tailStart {
      destination.copy(edges.tail.rawSpan.extracting(byteOffset - tailStart..<end - tailStart))
    } else {
      try stream.read(at: bytes.lowerBound + byteOffset, into: &destination)
    }
  }
}

/// The start of a zstd frame in the file and in the decoded bytes.
struct FrameStart: Sendable {
  let encoded: Int
  let decoded: Int
}

/// The starts of frames, at distances that are worth a new start.
final class FrameStarts {
  private static let leastDistance = 1 << 20
  private(set) var all: [FrameStart] = []

  func add(encoded: Int, decoded: Int) {
    guard decoded - (all.last?.decoded ?? 0) >= Self.leastDistance else { return }
    all.append(FrameStart(encoded: encoded, decoded: decoded))
  }
}

extension Array {
  /// Returns the index of the first element for which `belongsAfter` is true, in an array in which all such elements
  /// come last.
  fileprivate func partitioningIndex(_ belongsAfter: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if belongsAfter(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
