import Base
import Caches
import Checkpoints
import Containers
import TensorCore
import TestSupport
import Testing

/// Reading caches of other programs.
@Suite struct ReadingTests {
  @Test("fixtures are found") func count() {
    #expect(CacheFixture.llama.count == 10 && CacheFixture.mlx.count == 10)
  }

  @Test("values are those of the program that wrote the file", arguments: CacheFixture.all)
  func values(fixture: CacheFixture) throws {
    let cache = try fixture.read()
    #expect(cache.layout == fixture.layout)
    let found = try cache.values()
    // The tokens of the text are no part of a cache that torch.save wrote.
    let expected = try Checkpoint.expected(fixture.expected).filter {
      $0.key != "tokens" || cache.layout != "transformers"
    }
    #expect(Set(found.keys) == Set(expected.keys))
    for (name, wanted) in expected {
      let values = try #require(found[name])
      #expect(values.count == wanted.count, "\(name)")
      let largest = wanted.reduce(0) { max($0, $1.magnitude) }
      let worst = zip(values, wanted).reduce(0) { max($0, ($1.0 - $1.1).magnitude) }
      #expect(Double(worst) <= fixture.tolerance * Double(largest), "\(name): \(worst)")
    }
  }

  @Test(
    "keys of llama.cpp have the order of Hugging Face models",
    arguments: [
      ("a64-f32.seq", 0.005), ("a64-f16.seq", 0.006), ("a64-f16-vtrans.seq", 0.002),
      ("a64-q8_0-rot.seq", 0.011), ("a64-kq8_0-vf16-nofa.seq", 0.011), ("b32-q4_0.seq", 0.16),
      ("b32-f32-unified2.seq", 0.005),
    ])
  func pairing(name: String, tolerance: Double) throws {
    let isFirst = name.hasPrefix("a64")
    let fixture = CacheFixture(
      files: ["llama/" + name], expected: "", layout: "llamacpp",
      shape: isFirst ? CacheFixture.a : CacheFixture.b,
      sequence: name.contains("unified2") ? 1 : nil)
    let cache = try fixture.read { $0.pairing = nil }
    let file = try Containers.read(
      Fixtures.path("caches/llama/\(isFirst ? "a64" : "b32").hf-order.safetensors"))
    for (name, found) in try cache.values() {
      let wanted = try file.tensor(name).values()
      #expect(found.count == wanted.count)
      #expect(relativeError(found, wanted) < tolerance, "\(name)")
    }
    #expect(cache.origin.notes.contains { $0.text(.commandLine).contains("--pairing halves") })
  }

  @Test("tokens are read and sorted by position")
  func tokens() throws {
    let gap = try CacheFixture.named("b32-f16-gap").read()
    #expect(gap.tokenCount == 35)
    #expect(gap.positions == Array(0..<10) + Array(15..<40))
    let plain = try CacheFixture.named("a64-f16.seq").read()
    #expect(plain.positions == nil && plain.tokenIDs?.count == 37)
  }

  @Test("a ring buffer is read in the order of time", arguments: ["0.28.3", "0.32.2"])
  func ring(version: String) throws {
    let cache = try CacheFixture.named("rotating-f16-mlxlm\(version)").read()
    #expect(cache.positions == [0, 1, 2, 3] + Array(11...18))
    #expect(cache.origin.notes == ["holds 12 of 19 tokens: the first 4 and the last 8"])
  }

  @Test("a file with several sequences needs a choice")
  func sequences() throws {
    var fixture = CacheFixture.named("a64-f16.seq")
    fixture.files = ["llama/b32-f16-2seq.session"]
    fixture.shape = CacheFixture.b
    #expect { try fixture.read() } throws: { "\($0)".contains("has sequences 0, 1") }
    #expect { try fixture.read { $0.sequence = 7 } } throws: {
      "\($0)".contains("has no sequence 7, only 0, 1")
    }
    // Expected values are those of all cells in order: 9 of the first sequence, 37 of the second.
    let expected = try Checkpoint.expected("llama/b32-f16-2seq.session")
    for (sequence, cells) in [(0, 0..<9), (1, 9..<46)] {
      let cache = try fixture.read { $0.sequence = sequence }
      #expect(cache.tokenCount == cells.count)
      for (name, values) in try cache.values() {
        let all = try #require(expected[name])
        var wanted: [Float] = []
        for head in 0..<3 {
          let start = (head * 46 + cells.lowerBound) * 32
          wanted += all[start..<start + 32 * cells.count]
        }
        #expect(values == wanted, "\(name)")
      }
    }
  }

  @Test("the rotation, which the file does not state, follows the hint")
  func rotation() throws {
    let plain = try CacheFixture.named("norot").read().values()
    let turned = try CacheFixture.named("norot").read { $0.rotated = .yes }.values()
    let guessed = try CacheFixture.named("norot").read { $0.rotated = .auto }
    #expect(plain != turned)
    #expect(try guessed.values() == turned)
    #expect(guessed.origin.notes.contains { $0.text(.commandLine).contains("--rotated no") })
    // A rotation does not change the norm.
    func norm(_ values: [Float]) -> Double {
      values.reduce(0) { $0 + Double($1) * Double($1) }
    }
    for (name, values) in plain {
      let ratio = norm(try #require(turned[name])) / norm(values)
      #expect(abs(ratio - 1) < 1e-5)
    }
  }

  @Test("three-dimensional tensors need axes or the number of heads")
  func axes() throws {
    let folder = try TemporaryFolder()
    let wanted = try LazyTensor.random("x", [4, 6, 8], seed: 3)
    let values = try wanted.values()
    let tensors = try ["0_keys", "0_values"].map { try LazyTensor.floats($0, [4, 6, 8], values) }
    try Self.write(tensors, to: folder["a.safetensors"])
    var hints = CacheHints()
    #expect { try CacheLayouts.read([folder["a.safetensors"]], hints) } throws: {
      said($0).contains("--axes htd or --axes thd")
    }
    hints.heads = 4
    #expect(try CacheLayouts.read([folder["a.safetensors"]], hints).dimensions == [1, 4, 6, 8])
    hints.heads = 6
    let turned = try CacheLayouts.read([folder["a.safetensors"]], hints)
    #expect(turned.dimensions == [1, 6, 4, 8])
    let found = try turned.layers[0].key.values()
    #expect(found[(2 * 4 + 3) * 8 + 5] == values[(3 * 6 + 2) * 8 + 5])
    hints.heads = 5
    #expect { try CacheLayouts.read([folder["a.safetensors"]], hints) } throws: {
      "\($0)".contains("but 5 kv heads are expected")
    }
  }

  static func write(_ tensors: [LazyTensor], to path: String) throws {
    let checkpoint = Checkpoint(
      path: "memory", container: .memory, tensors: tensors,
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
    let job = try OutputJob(
      checkpoint, to: path, container: Containers.output(forPath: path), options: WriterOptions(),
      replacesExisting: true)
    try job.writer.write(
      to: AtomicOutput(path: path, replacesExisting: true), engine: .test())
  }
}
