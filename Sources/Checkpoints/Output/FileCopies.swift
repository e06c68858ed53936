import TensorCore

/// Bytes of files that are written as they are, copied in the kernel where it can.
struct FileCopies: Sendable {
  private struct Stretch {
    var file: InputFile
    var source: Range<Int>
    var target: Int
  }

  /// What a worker copies before it looks whether it is to stop.
  private static let pieceByteCount = 16 << 20

  private var stretches: [Stretch] = []
  /// What was added, by its numbers.
  private(set) var places: Set<Int> = []

  /// Adds bytes, which are copied together with those before them where both lie side by side.
  mutating func add(_ bytes: Range<Int>, of file: InputFile, to target: Int, place: Int) {
    places.insert(place)
    if let last = stretches.last, last.file === file, last.source.upperBound == bytes.lowerBound,
      last.target + last.source.count == target
    {
      stretches[stretches.count - 1].source = last.source.lowerBound..<bytes.upperBound
    } else {
      stretches.append(Stretch(file: file, source: bytes, target: target))
    }
  }

  func write(to output: OutputFile, engine: Engine) throws {
    var pieces: [Stretch] = []
    for stretch in stretches {
      for start in stride(from: 0, to: stretch.source.count, by: Self.pieceByteCount) {
        let first = stretch.source.lowerBound + start
        pieces.append(
          Stretch(
            file: stretch.file,
            source: first..<min(first + Self.pieceByteCount, stretch.source.upperBound),
            target: stretch.target + start))
      }
    }
    let all = pieces
    try engine.forEachPiece(count: all.count, workspaceByteCount: 0) { number, _ in
      let piece = all[number]
      try piece.file.copy(piece.source, to: output, at: piece.target)
      engine.progress.advance(byteCount: piece.source.count)
    }
  }
}
