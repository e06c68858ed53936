package import Base

/// Ranges of files that are copied to an output unchanged, inside the kernel where possible.
package struct FileCopies: Sendable {
  private struct Stretch {
    var file: InputFile
    var source: Range<Int>
    var target: Int
  }

  /// The size of a memory page, and of the blocks of most file systems.
  package static let pageByteCount = 4096
  /// The number of bytes that are copied between two checks for cancellation.
  private static let pieceByteCount = 16 << 20

  private var stretches: [Stretch] = []
  /// The indexes that were passed to `add`.
  package private(set) var places: Set<Int> = []

  /// Adds a range of bytes; it is merged with the previous range if both are adjacent in source and target.
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

  /// Copies the ranges one after the other, since the file system allows only one writer of a file at a time.
  package func write(to output: OutputFile, engine: Engine) throws {
    for stretch in stretches {
      var done = 0
      while done < stretch.source.count {
        try engine.cancellation.check()
        let target = stretch.target + done
        // Whole pages, except at the ends.
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
