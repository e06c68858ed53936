import Base
import Checkpoints
import Foundation
import Repeats
import Testing
import Tokenizers

/// Tests of mixtures of repeated and unique tokens.
@Suite struct MixTests {
  private struct Mixture {
    var mix: TokenMix
    var ids: [UInt16]
    var manifest: JSONValue
  }

  /// Sequences of four tokens that differ in their first one.
  private static func rows(_ count: Int) -> [UInt16] {
    (0..<count).flatMap { [UInt16($0), 60_000, 60_001, UInt16($0 % 7)] }
  }

  private static func mixture(
    _ ids: [UInt16], share: Double, times: Int, tokens: Int, seed: UInt64 = 0, length: Int? = 4,
    jobs: Int = 2
  ) throws -> Mixture {
    let root = FileManager.default.temporaryDirectory.path + "/mix-\(UUID().uuidString)"
    defer {
      for suffix in [".u16", "-out.u16"] {
        try? FileManager.default.removeItem(atPath: root + suffix)
      }
    }
    try Data(ids.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] })
      .write(to: URL(filePath: root + ".u16"))
    let cancellation = Cancellation()
    let corpus = try DataReader(
      DataSettings(paths: [root + ".u16"]), temporaryFolder: "/tmp", memory: 1 << 31,
      cancellation: cancellation
    ) { _ in }.corpus()
    var settings = MixSettings(share: share, times: times, tokenCount: tokens)
    (settings.seed, settings.length) = (seed, length)
    let target = try MixOutput(
      corpus, to: root + "-out.u16", idLimit: nil, inputs: [], replacesExisting: false)
    let mix = try TokenMix(
      corpus, settings, isPacked: false, memory: 1 << 31,
      parallel: Parallel(jobs: jobs, cancellation: cancellation))
    let group = OutputGroup()
    try target.write(
      mix,
      CorpusOutput.Resources(
        jobs: jobs, memory: MemoryBudget(limit: 1 << 30), cancellation: cancellation,
        progress: NoProgress()), group: group)
    try group.commit()
    let bytes = Array(try Data(contentsOf: URL(filePath: root + "-out.u16")))
    var text = ""
    try MixReport(mix, data: corpus, tokenizer: nil, output: nil, manifest: nil)
      .writeManifest { text += $0 }
    return Mixture(
      mix: mix,
      ids: stride(from: 0, to: bytes.count, by: 2).map {
        UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8
      }, manifest: try JSONValue.parse(Array(text.utf8).span))
  }

  /// The number of occurrences of each sequence.
  private static func counts(_ ids: [UInt16]) -> [[UInt16]: Int] {
    var counts: [[UInt16]: Int] = [:]
    for start in stride(from: 0, to: ids.count, by: 4) {
      counts[Array(ids[start..<start + 4]), default: 0] += 1
    }
    return counts
  }

  @Test(
    "the mixture has the share, the number of repeats and the tokens that were asked for",
    arguments: [
      (0.5, 8, 1024, 16, 128), (0.1, 5, 1000, 5, 225), (1, 16, 640, 10, 0),
      (0.9, 100, 4000, 9, 100),
      (0.25, 3, 103, 2, 19),
    ])
  func arithmetic(share: Double, times: Int, tokens: Int, repeated: Int, unique: Int) throws {
    let found = try Self.mixture(Self.rows(500), share: share, times: times, tokens: tokens)
    let counts = Self.counts(found.ids)
    #expect(found.ids.count == tokens / 4 * 4)
    #expect(counts.values.filter { $0 == times }.count == repeated)
    #expect(counts.values.filter { $0 == 1 }.count == unique)
    #expect(counts.count == repeated + unique)
    let manifest = found.manifest
    let total = (manifest["repeated"]?["subset_tokens"]?.asInt ?? 0) * times
    #expect(total + (manifest["unique"]?["tokens"]?.asInt ?? 0) == found.ids.count)
    #expect(manifest["total"]?["tokens"]?.asInt == found.ids.count)
    let subset = (manifest["repeated_sequences"]?.asArray ?? []).compactMap {
      $0["sequence"]?.asInt
    }
    let places = (manifest["repeated_sequences"]?.asArray ?? []).compactMap { $0["start"]?.asInt }
    #expect(places == subset.map { 4 * $0 })
    #expect(Set(subset) == Set(counts.filter { $0.value == times }.keys.map { Int($0[0]) }))
    let others = (manifest["unique_sequences"]?.asArray ?? []).compactMap(\.asInt)
    #expect(Set(others) == Set(counts.filter { $0.value == 1 }.keys.map { Int($0[0]) }))
  }

  @Test("the mixture depends on the seed, not on threads, and is in random order")
  func seeds() throws {
    let rows = Self.rows(500)
    let one = try Self.mixture(rows, share: 0.5, times: 8, tokens: 1024, jobs: 1)
    let same = try Self.mixture(rows, share: 0.5, times: 8, tokens: 1024, jobs: 3)
    let other = try Self.mixture(rows, share: 0.5, times: 8, tokens: 1024, seed: 1)
    #expect(one.ids == same.ids && one.mix.repeated == same.mix.repeated)
    #expect(one.mix.repeated != other.mix.repeated && one.ids != other.ids)
    let firsts = stride(from: 0, to: one.ids.count, by: 4).map { one.ids[$0] }
    let repeats = zip(firsts, firsts.dropFirst()).filter { $0 == $1 }.count
    // Half of 256 sequences are 16 that occur 8 times, so that about 3.5 neighbors are equal by chance.
    #expect(repeats < 16 && firsts != firsts.sorted())
  }

  @Test("sequences that are equal in the data are used once")
  func repeatedData() throws {
    let rows = Self.rows(20)
    let found = try Self.mixture(rows + rows + rows, share: 0.5, times: 2, tokens: 80)
    #expect(found.mix.dataCount == 60 && found.mix.distinctCount == 20)
    let counts = Self.counts(found.ids)
    #expect(counts.values.filter { $0 == 2 }.count == 5 && counts.count == 15)
  }

  @Test(
    "mixtures that cannot be made are refused",
    arguments: [
      (0.5, 2, 400, Optional(4), "expected 300: 25 sequences to repeat and 50 to use once"),
      (0.5, 200, 80, 4, "too few for one sequence"), (0, 2, 80, 4, "share"),
      (0.5, 1, 80, 4, "times"), (0.5, .max, 80, 4, "expected 2 to 2^40"),
      (0.5, 1 << 40, 1 << 40, 1 << 20, "too few for one sequence"),
      (0.5, 2, 0, 4, "tokens"), (0.5, 2, 80, nil, "length"), (1.5, 2, 80, 4, "share"),
    ])
  func refused(share: Double, times: Int, tokens: Int, length: Int?, reason: String) {
    #expect {
      try Self.mixture(
        Self.rows(74), share: share, times: times, tokens: tokens, length: length)
    } throws: {
      ($0 as? any UserError)?.description.contains(reason) ?? false
    }
  }

  @Test(
    "the hint for too few tokens names the least number that suffices",
    arguments: [(0.5, 100_001, 64), (0.3, 7, 4), (1, 3, 5), (1e-6, 2, 4), (0.1, 3, 1)])
  func leastTokens(share: Double, times: Int, length: Int) throws {
    func error(_ tokens: Int) -> (any UserError)? {
      do {
        _ = try Self.mixture(
          Self.rows(74), share: share, times: times, tokens: tokens, length: length)
        return nil
      } catch { return error as? any UserError }
    }
    let hint = try #require(error(1)?.hint?.text(.commandLine))
    let needed = try #require(
      hint.firstMatch(of: /^pass --tokens (\d+) or more/).flatMap { Int($0.1) })
    let reason = "too few for one sequence"
    #expect(error(needed)?.message.contains(reason) != true)
    #expect(error(needed - 1)?.message.contains(reason) == true)
  }

  @Test("a share that no number of tokens reaches has a hint without such a number")
  func unreachable() {
    let error = #expect(throws: UsageError.self) {
      try Self.mixture(Self.rows(74), share: 1e-300, times: 2, tokens: 80)
    }
    #expect(error?.hint?.text(.commandLine) == "pass fewer --times, or a larger --share")
  }

  /// A tokenizer of the words `a` to `z`, and `<end>`.
  private static func tokenizer() throws -> Tokenizer {
    let words = (0..<26).map { String(UnicodeScalar(97 + UInt8($0))) } + ["<end>"]
    let list = words.enumerated().map { "\"\($0.element)\": \($0.offset)" }.joined(separator: ", ")
    let text = """
      {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
       "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
       "model": {"type": "WordLevel", "vocab": {\(list)}, "unk_token": "<end>"}}
      """
    let bytes = Array(text.utf8)
    return try Tokenizer.load(from: bytes.rawSpan, path: "tokenizer.json")
  }

  @Test("texts are tokenized in order and joined", arguments: [1, 3])
  func texts(jobs: Int) throws {
    let path = FileManager.default.temporaryDirectory.path + "/mix-\(UUID().uuidString).txt"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let lines = (0..<200).map { number in
      (0...number % 3).map { String(UnicodeScalar(97 + UInt8((number + $0) % 26))) }
        .joined(separator: " ")
    }
    try Data(lines.joined(separator: "\n").utf8).write(to: URL(filePath: path))
    var data = DataSettings(paths: [path])
    data.text = .lines
    let cancellation = Cancellation()
    let texts = try DataReader(
      data, temporaryFolder: "/tmp", memory: 1 << 31, cancellation: cancellation
    ) { _ in }.corpus()
    let tokenizer = try Self.tokenizer()
    let tokens = try TokenizedCorpus.tokens(
      of: texts, tokenizer, separator: tokenizer.id(of: "<end>"), memory: 1 << 31,
      temporaryFolder: "/tmp", parallel: Parallel(jobs: jobs, cancellation: cancellation))
    #expect(tokens.documentCount == 200)
    let expected = lines.flatMap { line in
      line.split(separator: " ").map { Int($0.utf8.first ?? 0) - 97 } + [26]
    }
    let bytes = try tokens.bytes(0..<tokens.unitCount)
    #expect(stride(from: 0, to: bytes.count, by: 4).map { Int(bytes[$0]) } == expected)
  }
}
