package import Base

/// Ranges of files that are copied to an output unchanged, inside the kernel where possible.
package struct FileCopies: Sendable {
  /// A contiguous range of a file and its offset in the output.
  private struct Copy {
    var file: InputFile
    var source: Range<Int>
    var target: Int
  }

  /// The size of a memory page, and of the blocks of most file systems.
  package static let pageByteCount = 4096
  /// The number of bytes that are copied between two checks for cancellation.
  private static let pieceByteCount = 16 << 20

  private var copies: [Copy] = []
  /// The indexes that were passed to `add`.
  package private(set) var indexes: Set<Int> = []

  /// Adds a range of bytes; it is merged with the previous range if both are adjacent in source and target.
  package mutating func add(_ bytes: Range<Int>, of file: InputFile, to target: Int, index: Int) {
    indexes.insert(index)
    if let last = copies.last, last.file === file, last.source.upperBound == bytes.lowerBound,
      last.target + last.source.count == target
    {
      copies[copies.count - 1].source = last.source.lowerBound..<bytes.upperBound
    } else {
      copies.append(Copy(file: file, source: bytes, target: target))
    }
  }

  package init() {}

  /// Copies the ranges one after the other, since the file system allows only one writer of a file at a time.
  package func write(to output: OutputFile, engine: Engine) throws {
    for copy in copies {
      var done = 0
      while done < copy.source.count {
        try engine.cancellation.check()
        let target = copy.target + done
        // Whole pages, except at the ends.
        let toPage = -target & (Self.pageByteCount - 1)
        let count = min(
          toPage > 0 ? toPage : Self.pieceByteCount, copy.source.count - done)
        let first = copy.source.lowerBound + done
        try copy.file.copy(first..<first + count, to: output, at: target)
        output.startWriting(target..<target + count)
        engine.progress.advance(byteCount: count)
        done += count
      }
    }
  }
}
