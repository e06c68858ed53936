import Base
import Repeats
import Testing

@Suite struct SuffixArrayTests {
  @Test("marks agree with a comparison of all places", arguments: 0..<64)
  func marks(seed: UInt64) {
    let random = Philox4x32(key: (UInt32(seed), 7))
    let count = 20 + Int(seed) * 3
    let symbols = 2 + Int(seed) % 3
    let text = (0..<count).map { Int32(1 + Int(random.block(low: UInt64($0)).x) % symbols) } + [0]
    let length = 2 + Int(seed) % 5
    let marks = SuffixArray.repeats(in: text, alphabet: symbols + 1, length: length)
    let runs = (0...count - length).map { Array(text[$0..<$0 + length]) }
    for (place, run) in runs.enumerated() {
      let first = runs.firstIndex(of: run)!
      let isRepeated = first != runs.lastIndex(of: run)!
      #expect(marks[place] == (isRepeated ? first == place ? 1 : 3 : 0), "place \(place)")
    }
  }

  @Test("minima are those of each run", arguments: [1, 2, 7, 50])
  func minima(window: Int) {
    let random = Philox4x32(key: (3, 1))
    let hashes = (0..<400).map { UInt64(random.block(low: UInt64($0)).x % 64) }
    var expected: [UInt32] = []
    for start in 0...hashes.count - window {
      let run = start..<start + window
      let least = run.map { hashes[$0] }.min()!
      let place = UInt32(run.last { hashes[$0] == least }!)
      if expected.last != place { expected.append(place) }
    }
    #expect(RepeatKernels.minima(of: hashes, window: window) == expected)
  }

  @Test("all CPU levels give equal hashes and signatures", arguments: RepeatKernels.levels.indices)
  func levels(level: Int) {
    let (kernels, baseline) = (RepeatKernels.levels[level], RepeatKernels.levels[0])
    let text = Array("The Word, THE word; naïve “quotes” — and 3 more… ".utf8)
    let many = (0..<50).flatMap { _ in text }
    let words = kernels.words(many.rawSpan)
    #expect(words == baseline.words(many.rawSpan) && words.count == 450)
    #expect(words[0] == words[2] && words[1] == words[3])
    let runs = kernels.runs(of: words, width: 3)
    #expect(runs == baseline.runs(of: words, width: 3))
    let scheme = MinHashScheme()
    #expect(
      scheme.signature(of: runs, kernels: kernels) == scheme.signature(of: runs, kernels: baseline))
  }
}
