package import Base
package import Checkpoints
import TensorCore
import Zip
import Zstd

/// Writes the files of a folder as an archive, whose bytes depend on names and contents alone.
package struct ArchiveWriter: CheckpointWriter {
  private enum Layout: Sendable {
    case tar(TarLayout)
    case compressed(TarLayout)
    case zip(ZipLayout, [InputFile])
  }

  private let layout: Layout
  package let plan: OutputPlan

  package var isDirectory: Bool { false }

  /// The bytes of a tar archive that become one zstd frame. Readers may start at any frame.
  private static let frameByteCount = 8 << 20
  private static let pieceByteCount = 1 << 20

  /// - Parameter path: The path of the archive, for messages.
  package init(_ folder: FolderFiles, _ format: ArchiveFormat, path: String) throws(FormatError) {
    let layout: Layout
    var workerByteCount = Self.pieceByteCount
    var fixedByteCount = 1024 * folder.files.count
    let byteCount: Int
    switch format {
    case .tar, .tarZstd:
      let tar = try TarLayout(folder.files, path: path)
      layout = format == .tar ? .tar(tar) : .compressed(tar)
      byteCount = format == .tar ? tar.byteCount : Self.frameCapacity(tar.byteCount)
      if format == .tarZstd {
        workerByteCount =
          Self.frameByteCount + Self.frameCapacity(Self.frameByteCount)
          + ZstdSettings.archive.contextByteCount(inputByteCount: Self.frameByteCount)
      }
    case .zip:
      let zip = try ZipLayout(
        folder.files.map { ZipLayout.Entry(name: $0.path, byteCount: $0.file.byteCount) },
        path: path)
      layout = .zip(zip, folder.files.map(\.file))
      fixedByteCount += zip.fixedByteCount
      byteCount = zip.byteCount
    }
    self.layout = layout
    let tileByteCount = format == .tarZstd ? Self.frameByteCount : Self.pieceByteCount
    plan = OutputPlan(
      rows: [], companions: folder.files.map(\.path), byteCount: byteCount,
      isExact: format != .tarZstd,
      demand: MemoryBudget.Demand(
        fixedByteCount: fixedByteCount, workerByteCount: workerByteCount),
      tileCount: byteCount / tileByteCount + 1, valueByteCount: folder.byteCount,
      notes: folder.notes)
  }

  /// Returns the bytes that compressing `byteCount` bytes needs at most, in frames of their own.
  private static func frameCapacity(_ byteCount: Int) -> Int {
    let frames = (byteCount + frameByteCount - 1) / frameByteCount
    return byteCount + byteCount / 128 + 1024 * frames
  }

  package func write(to output: AtomicOutput, engine: Engine) throws {
    try output.writeFile { file in
      switch layout {
      case .tar(let tar): try write(tar, to: file, engine)
      case .compressed(let tar): try compress(tar, to: file, engine)
      case .zip(let zip, let files): try write(zip, files, to: file, engine)
      }
    }
  }

  private func write(_ tar: TarLayout, to file: OutputFile, _ engine: Engine) throws {
    try file.reserve(byteCount: tar.byteCount)
    var copies = FileCopies()
    for (index, content) in tar.contents.enumerated() {
      copies.add(
        0..<content.file.byteCount, of: content.file, to: content.byteOffset, index: index)
    }
    try copies.write(to: file, engine: engine)
    try tar.writeHeaders(to: file)
    // File systems that do not reserve space would leave the end marker out.
    let zeros = [UInt8](repeating: 0, count: TarHeader.byteCount)
    try file.write(zeros.rawSpan, at: tar.byteCount - zeros.count)
  }

  /// Compresses the archive in frames, which appear in their order.
  private func compress(_ tar: TarLayout, to file: OutputFile, _ engine: Engine) throws {
    let zstd = Zstd()
    let turnstile = Turnstile()
    let end = FrameEnd()
    let count = (tar.byteCount + Self.frameByteCount - 1) / Self.frameByteCount
    let workspace = Self.frameByteCount + Self.frameCapacity(Self.frameByteCount)
    try engine.forEachPiece(
      count: count, workspaceByteCount: workspace, onFailure: turnstile.abandon
    ) { index, workspace in
      let start = index * Self.frameByteCount
      let byteCount = min(Self.frameByteCount, tar.byteCount - start)
      try workspace.split(at: byteCount) { plain, packed in
        try tar.read(at: start, into: &plain)
        // ZSTD_compressBound is at most n + n / 256 + 64 bytes for n bytes, which is below the capacity.
        guard let length = try zstd.compress(plain.bytes, into: &packed, .archive) else {
          preconditionFailure("a frame is never longer than its capacity")
        }
        let offset = try turnstile.pass(index) { end.advance(by: length) }
        try file.write(packed.bytes.extracting(0..<length), at: offset)
      }
      engine.progress.advance(byteCount: byteCount)
    }
  }

  /// The end of the frames that have a place. The turnstile lets one thread in at a time.
  private final class FrameEnd: @unchecked Sendable {
    // SAFETY: used only inside of the turnstile.
    private var byteOffset = 0

    /// Returns the end before adding to it.
    func advance(by byteCount: Int) -> Int {
      defer { byteOffset += byteCount }
      return byteOffset
    }
  }

  private func write(
    _ zip: ZipLayout, _ files: [InputFile], to output: OutputFile, _ engine: Engine
  ) throws {
    try output.reserve(byteCount: zip.byteCount)
    let checksums = ZipMemberChecksums(zip)
    let pieces = PieceList(files.map(\.byteCount), pieceByteCount: Self.pieceByteCount)
    try engine.forEachPiece(
      count: pieces.count, workspaceByteCount: Self.pieceByteCount
    ) { index, workspace in
      let (member, bytes) = pieces[index]
      var part = workspace._mutatingExtracting(0..<bytes.count)
      try files[member].read(at: bytes.lowerBound, into: &part)
      checksums.add(part.bytes, member: member, at: bytes.lowerBound)
      try output.write(part.bytes, at: zip.dataOffsets[member] + bytes.lowerBound)
      engine.progress.advance(byteCount: part.byteCount)
    }
    try zip.write(checksums.all, to: output)
  }
}
