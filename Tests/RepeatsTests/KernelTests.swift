import Base
import Repeats
import Testing

/// Tests of the loops for texts and tokens, at every CPU level of this machine.
@Suite struct KernelTests {
  private static let texts = [
    "", "a", " ", "word", "two words", "naïve “quotes” — and…", "漢字、かな。", "a\u{A0}b\u{2003}c",
    "ends with é",
    "\u{FF}\u{100}", String(repeating: "The Word, THE word; 3 more… ", count: 40),
  ]

  /// Returns the words of a text by its code points.
  private func words(_ text: String) -> [String] {
    text.unicodeScalars.split { scalar in
      switch scalar.value {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: false
      case 0..<0xC0, 0x2000...0x207F, 0x3000...0x303F: true
      default: false
      }
    }.map { word in
      String(
        String.UnicodeScalarView(
          word.map { $0.isASCII ? $0.properties.lowercaseMapping.unicodeScalars.first ?? $0 : $0 }))
    }
  }

  @Test("words are those of the definition", arguments: RepeatKernels.levels.indices, texts)
  func words(level: Int, text: String) {
    let kernels = RepeatKernels.levels[level]
    let words = words(text)
    let hashes = kernels.words(Array(text.utf8).rawSpan)
    #expect(hashes.count == words.count)
    #expect(hashes == words.flatMap { kernels.words(Array($0.utf8).rawSpan) })
    #expect(Set(hashes).count == Set(words).count)
  }

  @Test(
    "a text is divided after a separator into texts with the same words",
    arguments: RepeatKernels.levels.indices, texts)
  func wordEnds(level: Int, text: String) {
    let kernels = RepeatKernels.levels[level]
    let bytes = Array(text.utf8)
    let all = kernels.words(bytes.rawSpan)
    for count in bytes.indices {
      let start = Array(bytes[..<count])
      let end = kernels.wordEnd(in: start.rawSpan)
      let (first, second) = (Array(bytes[..<end]), Array(bytes[end...]))
      #expect(kernels.words(first.rawSpan) + kernels.words(second.rawSpan) == all, "\(count)")
    }
  }

  @Test("all levels give the same hashes and minima", arguments: RepeatKernels.levels.indices)
  func levels(level: Int) {
    let (kernels, baseline) = (RepeatKernels.levels[level], RepeatKernels.levels[0])
    let random = Philox4x32(key: (8, 1))
    let scheme = MinHashScheme()
    for count in [0, 1, 2, 3, 4, 31, 32, 33, 1_000] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: random.block(low: UInt64($0)).x) }
      #expect(kernels.bytes(bytes.rawSpan) == baseline.bytes(bytes.rawSpan))
      #expect(kernels.tokens(bytes.rawSpan) == baseline.tokens(bytes.rawSpan))
      #expect(kernels.words(bytes.rawSpan) == baseline.words(bytes.rawSpan))
      #expect(kernels.wordEnd(in: bytes.rawSpan) == baseline.wordEnd(in: bytes.rawSpan))
      let units = kernels.bytes(bytes.rawSpan)
      #expect(units.count == count)
      for width in [1, 2, 7] {
        let runs = kernels.runs(of: units, width: width)
        #expect(runs == baseline.runs(of: units, width: width))
        #expect(runs.count == max(0, count - width + 1))
        let signature = scheme.signature(of: runs, kernels: kernels)
        #expect(signature == scheme.signature(of: runs, kernels: baseline))
      }
    }
  }

  @Test("a minimum is that of its permutation", arguments: RepeatKernels.levels.indices)
  func signature(level: Int) {
    let scheme = MinHashScheme(seed: 3)
    let shingles = (0..<50).map { UInt64($0) &* 0x9E37_79B9_7F4A_7C15 }
    let expected = (0..<scheme.permutationCount).map { index in
      shingles.map { scheme.factors[index] &* UInt32($0 >> 32) &+ scheme.terms[index] }.min()!
    }
    let found = scheme.signature(of: shingles, kernels: RepeatKernels.levels[level])
    #expect(found == expected)
  }
}
