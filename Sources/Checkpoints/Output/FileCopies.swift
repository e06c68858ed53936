package import Base

/// Bytes of files that are written as they are, copied in the kernel where it can.
package struct FileCopies: Sendable {
  private struct Stretch {
    var file: InputFile
    var source: Range<Int>
    var target: Int
  }

  /// Of files in memory, and of most file systems' blocks.
  package static let pageByteCount = 4096
  /// What is copied before a look whether to stop.
  private static let pieceByteCount = 16 << 20

  private var stretches: [Stretch] = []
  /// What was added, by its numbers.
  package private(set) var places: Set<Int> = []

  /// Adds bytes, which are copied together with those before them where both lie side by side.
  package mutating func add(_ bytes: Range<Int>, of file: InputFile, to target: Int, place: Int) {
    places.insert(place)
    if let last = stretches.last, last.file === file, last.source.upperBound == bytes.lowerBound,
      last.target + last.source.count == target
    {
      stretches[stretches.count - 1].source = last.source.lowerBound..<bytes.upperBound
    } else {
      stretches.append(Stretch(file: file, source: bytes, target: target))
    }
  }

  package init() {}

  /// One after the other: the file system lets in one writer to a file at a time.
  package func write(to output: OutputFile, engine: Engine) throws {
    for stretch in stretches {
      var done = 0
      while done < stretch.source.count {
        try engine.cancellation.check()
        let target = stretch.target + done
        // Whole pages, but at the ends.
        let toPage = -target & (Self.pageByteCount - 1)
        let count = min(
          toPage > 0 ? toPage : Self.pieceByteCount, stretch.source.count - done)
        let first = stretch.source.lowerBound + done
        try stretch.file.copy(first..<first + count, to: output, at: target)
        output.startWriting(target..<target + count)
        engine.progress.advance(byteCount: count)
        done += count
      }
    }
  }
}
