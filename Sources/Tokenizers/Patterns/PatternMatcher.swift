/// A machine that finds the matches of a pattern in UTF-8 text, leftmost first, by backtracking.
struct PatternMatcher: Sendable {
  /// A place to continue at if a match fails: an instruction, a position, and for a loop the first position that it
  /// may give up.
  private struct Choice {
    var instruction: Int
    var position: Int
    /// The smallest position of a greedy loop, the largest number of further scalars of a lazy one, or -1.
    var limit: Int
    /// The set of a lazy loop, or -1.
    var set: Int
  }

  /// The steps that one match may need, beside the ones for each byte of the text.
  private static let freeStepCount = 1 << 20
  private static let stepsPerByte = 64

  let program: PatternProgram
  private var choices: [Choice] = []
  private var stepsLeft = 0

  init(_ program: PatternProgram) { self.program = program }

  /// The search needs so many steps that it was given up.
  struct TooManySteps: Error {
    var byteOffset: Int
  }

  /// Calls `body` with each match in `range` of valid UTF-8 bytes, in order. The rest of the bytes is not seen.
  ///
  /// An empty match directly after another match is not reported.
  /// - Complexity: O(*n*) for patterns that do not need to give up long repetitions.
  mutating func forEachMatch(
    in bytes: borrowing Span<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void
  ) throws(TooManySteps) {
    var position = range.lowerBound
    var lastEnd = -1
    while position <= range.upperBound {
      stepsLeft = Self.freeStepCount + Self.stepsPerByte * range.count
      guard let match = try search(bytes, from: position, range) else { return }
      if match.isEmpty, match.upperBound == lastEnd {
        guard position < range.upperBound else { return }
        position += UTF8Text.byteCount(first: bytes[position])
      } else {
        body(match)
        position = match.upperBound
        lastEnd = position
      }
    }
  }

  private mutating func search(
    _ bytes: borrowing Span<UInt8>, from start: Int, _ range: Range<Int>
  ) throws(TooManySteps) -> Range<Int>? {
    var start = start
    while true {
      if let end = try run(bytes, 0, at: start, range) { return start..<end }
      guard start < range.upperBound else { return nil }
      start += UTF8Text.byteCount(first: bytes[start])
    }
  }

  /// Runs the program from an instruction up to `accept`.
  /// - Returns: The end of the match; nil if there is none.
  private mutating func run(
    _ bytes: borrowing Span<UInt8>, _ first: Int, at start: Int, _ range: Range<Int>
  ) throws(TooManySteps) -> Int? {
    let base = choices.count
    defer { choices.removeSubrange(base...) }
    var instruction = first
    var position = start
    while true {
      stepsLeft -= 1
      guard stepsLeft > 0 else { throw TooManySteps(byteOffset: start) }
      var fits = true
      switch program.instructions[instruction] {
      case .accept: return position
      case .set(let set):
        fits = position < range.upperBound
        if fits {
          let scalar = UTF8Text.scalar(bytes, at: position)
          fits = program.sets[set].contains(scalar.value)
          position += scalar.count
        }
        instruction += 1
      case .setLoop(let set, let minimum, let maximum, let greed):
        let isLast = program.instructions[instruction + 1] == .accept
        instruction += 1
        let end = greed == .lazy ? minimum : maximum
        let loop = pass(bytes, set, &position, range.upperBound, minimum: minimum, maximum: end)
        fits = loop.count >= minimum
        stepsLeft -= loop.count
        if fits, greed == .lazy, maximum > minimum {
          choices.append(
            Choice(
              instruction: instruction, position: position, limit: maximum - minimum, set: set))
        } else if fits, greed == .greedy, !isLast, loop.minimumEnd < position {
          choices.append(
            Choice(
              instruction: instruction, position: position, limit: loop.minimumEnd, set: -1))
        }
      case .fork(let first, let second):
        choices.append(Choice(instruction: second, position: position, limit: -1, set: -1))
        instruction = first
      case .jump(let target): instruction = target
      case .lookahead(let isNegative, let end):
        fits = try (run(bytes, instruction + 1, at: position, range) != nil) != isNegative
        instruction = end
      case .atomic(let end):
        if let reached = try run(bytes, instruction + 1, at: position, range) {
          position = reached
        } else {
          fits = false
        }
        instruction = end
      case .lineStart:
        fits = position == range.lowerBound || bytes[position - 1] == 0x0A
        instruction += 1
      case .lineEnd:
        fits = position == range.upperBound || bytes[position] == 0x0A
        instruction += 1
      case .textStart:
        fits = position == range.lowerBound
        instruction += 1
      case .textEnd:
        fits = position == range.upperBound
        instruction += 1
      }
      if !fits, !backtrack(bytes, to: base, &instruction, &position, range.upperBound) {
        return nil
      }
    }
  }

  /// Passes scalars of a set.
  /// - Returns: Their number, and the position after the first `minimum` of them.
  @inline(__always)
  private func pass(
    _ bytes: borrowing Span<UInt8>, _ set: Int, _ position: inout Int, _ end: Int, minimum: Int,
    maximum: Int
  ) -> (count: Int, minimumEnd: Int) {
    var count = 0
    var minimumEnd = position
    while count < maximum, position < end {
      let scalar = UTF8Text.scalar(bytes, at: position)
      guard program.sets[set].contains(scalar.value) else { break }
      position += scalar.count
      count += 1
      if count == minimum { minimumEnd = position }
    }
    return (count, minimumEnd)
  }

  /// Goes back to the last choice above `base`. Returns false if there is none.
  private mutating func backtrack(
    _ bytes: borrowing Span<UInt8>, to base: Int, _ instruction: inout Int,
    _ position: inout Int, _ end: Int
  ) -> Bool {
    while choices.count > base {
      let last = choices.count - 1
      let choice = choices[last]
      instruction = choice.instruction
      position = choice.position
      guard choice.limit >= 0 else {
        choices.removeLast()
        return true
      }
      if choice.set < 0 {
        position = UTF8Text.start(before: position, bytes)
        choices[last].position = position
        if position <= choice.limit { choices.removeLast() }
        return true
      }
      let loop = pass(bytes, choice.set, &position, end, minimum: 1, maximum: 1)
      choices[last].position = position
      choices[last].limit -= 1
      if loop.count == 0 || choice.limit == 1 { choices.removeLast() }
      if loop.count == 1 { return true }
    }
    return false
  }
}
