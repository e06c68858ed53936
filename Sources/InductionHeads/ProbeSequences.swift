package import Base

/// Tokens that a model is probed with: rows of a start token and a segment that is repeated.
package struct ProbeSequences: Sendable, Equatable {
  /// All rows, one after another.
  package let tokens: [Int32]
  package let segmentLength: Int
  /// The number of times that a row repeats the segment.
  package let copyCount: Int

  /// The number of tokens of a row.
  package var length: Int { 1 + segmentLength * copyCount }
  package var count: Int { tokens.count / length }

  /// The numbers of rows and tokens of sequences.
  package struct Shape: Sendable, Hashable {
    package var count: Int
    package var segmentLength: Int
    package var copyCount: Int

    package init(count: Int, segmentLength: Int, copyCount: Int) {
      self.count = count
      self.segmentLength = segmentLength
      self.copyCount = copyCount
    }

    /// The number of tokens of a row.
    package var length: Int { 1 + segmentLength * copyCount }
    package var tokenCount: Int { count * length }
  }

  /// Draws rows whose segments consist of different tokens.
  ///
  /// The generator is Philox4x32; its key is the XXH64 hash of "repeats probe" with the seed, low word first, and the
  /// counter is row · 2⁶⁴ + index.
  /// - Parameters:
  ///   - start: The first token of each row, which is in no segment.
  ///   - vocabularySize: The number of tokens to choose from, larger than a segment.
  package init(drawing shape: Shape, start: Int32, vocabularySize: Int, seed: UInt64) {
    let (segmentLength, copyCount) = (shape.segmentLength, shape.copyCount)
    precondition(segmentLength > 0 && copyCount > 1 && segmentLength < vocabularySize)
    let key = XXH64.hash("repeats probe".utf8.span, seed: seed)
    let generator = Philox4x32(
      key: (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32)))
    var tokens: [Int32] = []
    tokens.reserveCapacity(shape.tokenCount)
    for row in 0..<shape.count {
      var segment: [Int32] = []
      var used: Set<Int32> = [start]
      var index: UInt64 = 0
      while segment.count < segmentLength {
        let block = generator.block(low: index, high: UInt64(row))
        let word = UInt64(block.y) << 32 | UInt64(block.x)
        let choice = word.multipliedFullWidth(by: UInt64(vocabularySize)).high
        let token = Int32(choice)  // fits: it is below the size of the vocabulary
        if used.insert(token).inserted { segment.append(token) }
        index += 1
      }
      tokens.append(start)
      for _ in 0..<copyCount { tokens += segment }
    }
    self.tokens = tokens
    self.segmentLength = segmentLength
    self.copyCount = copyCount
  }

  /// Takes rows as they are, and finds the shortest segment that all of them repeat after their first token.
  /// - Parameters:
  ///   - length: The number of tokens of a row.
  ///   - path: The file, for errors.
  /// - Throws: ``UsageError`` if there is none.
  package init(rows tokens: [Int32], length: Int, path: String) throws(UsageError) {
    let bodyLength = length - 1
    let rowCount = length > 0 ? tokens.count / length : 0
    let segment =
      bodyLength < 2 || rowCount == 0
      ? nil
      : (1...bodyLength / 2).first { period in
        bodyLength % period == 0
          && (0..<rowCount).allSatisfy { row in
            (row * length + 1 + period..<(row + 1) * length).allSatisfy {
              tokens[$0] == tokens[$0 - period]
            }
          }
      }
    guard let segment else {
      throw UsageError(
        "\(path.printable): the rows of \(length) tokens do not repeat a segment after their first "
          + "token", hint: "give rows of a start token and a segment that follows itself")
    }
    self.tokens = tokens
    segmentLength = segment
    copyCount = bodyLength / segment
  }

  /// Returns the mean of the losses of each copy of the segment.
  /// - Parameter losses: The loss of each token after the first of each row, shape `[rows, length - 1]`.
  package func lossByCopy(_ losses: [Double]) -> [Double] {
    precondition(losses.count == count * (length - 1))
    return (0..<copyCount).map { copy in
      var sum = 0.0
      for row in 0..<count {
        let start = row * (length - 1) + copy * segmentLength
        sum += losses[start..<start + segmentLength].reduce(0, +)
      }
      return sum / Double(count * segmentLength)
    }
  }
}
