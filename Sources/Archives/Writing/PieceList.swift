/// The pieces of several runs of bytes as one numbered list, without storing each piece.
struct PieceList: Sendable {
  private let byteCounts: [Int]
  private let pieceByteCount: Int
  /// The number of pieces before each run, followed by the total.
  private let starts: [Int]

  init(_ byteCounts: [Int], pieceByteCount: Int) {
    self.byteCounts = byteCounts
    self.pieceByteCount = pieceByteCount
    var starts = [0]
    var total = 0
    for count in byteCounts {
      total += (count + pieceByteCount - 1) / pieceByteCount
      starts.append(total)
    }
    self.starts = starts
    count = total
  }

  let count: Int

  /// The run of a piece and its bytes in the run.
  subscript(index: Int) -> (run: Int, bytes: Range<Int>) {
    precondition(index >= 0 && index < count)
    var (low, high) = (0, byteCounts.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= index { low = middle } else { high = middle }
    }
    let start = (index - starts[low]) * pieceByteCount
    return (low, start..<min(start + pieceByteCount, byteCounts[low]))
  }
}
