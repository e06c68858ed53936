import Base
import Evaluation
import TestSupport
import Testing

@Suite struct TokenWindowTests {
  @Test("windows with a start token score every token once, given those before it")
  func start() throws {
    let windows = try TokenWindows(texts: [[5, 6, 7, 8, 9]], length: 3, start: 1)
    #expect(windows.inputs == [1, 5, 6, 1, 8, 9])
    #expect(windows.targets == [5, 6, 7, 8, 9, TokenWindows.unscored])
    #expect(windows.count == 2 && windows.scoredCount == 5)
  }

  @Test("windows without a start token score every token but the first")
  func plain() throws {
    let windows = try TokenWindows(texts: [[5, 6, 7, 8]], length: 2)
    #expect(windows.inputs == [5, 6, 7, 8])
    #expect(windows.targets == [6, 7, 8, TokenWindows.unscored])
  }

  @Test("rows are windows as they are")
  func rows() throws {
    let windows = try TokenWindows(rows: [1, 2, 3, 4, 5, 6], length: 3)
    #expect(windows.targets == [2, 3, TokenWindows.unscored, 5, 6, TokenWindows.unscored])
  }

  @Test(
    "every token is scored once, with the token before it as its input, at any stride",
    arguments: 0..<200)
  func property(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let length = Int.random(in: 2...9, using: &random)
    let step = Int.random(in: 1...length, using: &random)
    let start: Int32? = Bool.random(using: &random) ? -1 : nil
    let texts = (0..<Int.random(in: 1...3, using: &random)).map { text in
      (0..<Int.random(in: 2...30, using: &random)).map { Int32(1000 * text + $0) }
    }
    let windows = try TokenWindows(texts: texts, length: length, stride: step, start: start)
    var scored: [Int32] = []
    for (place, target) in windows.targets.enumerated() where target != TokenWindows.unscored {
      scored.append(target)
      let input = windows.inputs[place]
      #expect(input == target - 1 || (input == start && place % length == 0))
      // From the second window of a text on, a token has at least length − step tokens before it.
      if place % length == 0, start == nil { #expect(target % 1000 == 1 || step == length) }
    }
    #expect(scored == texts.flatMap { start == nil ? Array($0.dropFirst()) : $0 })
  }

  @Test("long windows are not longer than the longest text", arguments: [600, 700, .max])
  func longWindows(length: Int) throws {
    let tokens = (0..<600).map { Int32($0) }
    let windows = try TokenWindows(texts: [[1, 2], tokens], length: length)
    #expect(windows.length == 600 && windows.count == 2 && windows.scoredCount == 600)
    #expect(try TokenWindows(texts: [[1, 2, 3]], length: length, start: 0).length == 512)
  }

  @Test("too little text and impossible windows are errors")
  func faults() {
    #expect(throws: UsageError.self) { try TokenWindows(texts: [[1]], length: 4) }
    #expect(throws: UsageError.self) { try TokenWindows(texts: [[]], length: 4, start: 0) }
    #expect(throws: UsageError.self) { try TokenWindows(texts: [[1, 2, 3]], length: 1) }
    #expect(throws: UsageError.self) { try TokenWindows(texts: [[1, 2, 3]], length: 3, stride: 4) }
    #expect(throws: UsageError.self) { try TokenWindows(rows: [1, 2, 3], length: 2) }
  }

  @Test("a token beyond the vocabulary is an error that names its place")
  func vocabulary() throws {
    let windows = try TokenWindows(rows: [1, 2, 3, 9], length: 2)
    try windows.check(vocabularySize: 10, path: "m")
    let error = #expect(throws: UsageError.self) {
      try windows.check(vocabularySize: 9, path: "m")
    }
    #expect(error?.message.description.contains("token 1 of window 1 is 9") == true)
  }
}
