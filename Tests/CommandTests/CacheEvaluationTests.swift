import Base
import Checkpoints
import Containers
import Foundation
import TestSupport
import Testing

/// Tests of `cache make` and `cache eval` with the built program.
@Suite(.serialized) struct CacheEvaluationTests {
  private static let prose = "tokens.safetensors:heldout_prose"

  private static func run(_ folder: TemporaryFolder, _ line: String) throws -> CommandRun {
    try CommandRun.sumac(line.split(separator: " ").map(String.init), in: folder.path)
  }

  private static func expectDone(_ folder: TemporaryFolder, _ line: String) throws {
    let run = try run(folder, line)
    #expect(run.status == 0, "\(line): \(run.messages)")
  }

  /// Returns the JSON of `cache eval`.
  private static func figures(_ folder: TemporaryFolder, _ line: String) throws -> JSONValue {
    let run = try run(folder, "cache eval \(line) --json")
    #expect(run.status == 0, "\(run.messages)")
    return try JSONValue.parse(Array(run.output.utf8).span)
  }

  private static func divergence(_ figures: JSONValue) -> Double? {
    figures["comparison"]?["divergence"]?["value"]?.asDouble
  }

  @Test("making and judging a cache gives the same bytes with any number of threads")
  func sameBytes() throws {
    let folder = try Workspace().folder
    var caches: [[UInt8]] = []
    var reports: [String] = []
    for jobs in [1, 2, 3] {
      try Self.expectDone(
        folder, "cache make base --data \(Self.prose) --length 200 -o c.safetensors -f -j \(jobs)")
      caches.append(try folder.bytes("c.safetensors"))
      try Self.expectDone(folder, "cache pack c.safetensors -o c.sumac --bits 2 --group 32 -f")
      let run = try Self.run(
        folder,
        "cache eval c.sumac --against c.safetensors --model base --data \(Self.prose) --tokens 100 "
          + "--json -j \(jobs)")
      #expect(run.status == 0, "\(run.messages)")
      reports.append(run.output)
    }
    #expect(caches[0] == caches[1] && caches[1] == caches[2] && !caches[0].isEmpty)
    #expect(reports[0] == reports[1] && reports[1] == reports[2])
    let figures = try JSONValue.parse(Array(reports[0].utf8).span)
    #expect(figures["tokens"]?.asInt == 99 && figures["cached"]?.asInt == 200)
    let divergence = try #require(Self.divergence(figures))
    #expect(divergence > 1e-4 && divergence < 0.1)
  }

  @Test("a cache in any layout is judged as the one that it was converted from")
  func layouts() throws {
    let folder = try Workspace().folder
    let make = "cache make base --data \(Self.prose) --length 96"
    try Self.expectDone(folder, "\(make) -o c.safetensors")
    for (layout, output, input) in [
      ("mlx", "m.safetensors", "m.safetensors"), ("vllm", "v", "v"), ("vllm-older", "w", "w"),
      ("lmcache", "l", "l/chunk.pt --kv-dtype f32"), ("llamacpp", "x.seq", "x.seq"),
    ] {
      try Self.expectDone(folder, "\(make) -o \(output) --layout \(layout)")
      let figures = try Self.figures(
        folder,
        "\(input) --against c.safetensors --model base --data \(Self.prose) --tokens 20")
      #expect(try #require(Self.divergence(figures)) < 1e-9, "\(layout)")
    }
    try Self.expectDone(folder, "\(make) -o c.sumac")
    try Self.expectDone(folder, "verify c.sumac --against c.safetensors")
    let run = try Self.run(folder, "explain c.sumac")
    #expect(run.output.contains("cache make") && run.output.contains("length"))
  }

  @Test("a plan names all tensors and writes nothing")
  func plan() throws {
    let folder = try Workspace().folder
    let names = try folder.names()
    let run = try Self.run(
      folder, "cache make base --data \(Self.prose) --length 96 -o c.sumac --dry-run --json")
    #expect(run.status == 0, "\(run.messages)")
    #expect(run.output.contains("layers.3.value") && run.output.contains("peak_memory"))
    #expect(try folder.names() == names)
  }

  @Test("the frequencies that a cache was made with are those of the text after it")
  func context() throws {
    let folder = try Workspace().folder
    try Self.expectDone(
      folder,
      "cache make clex --data \(Self.prose) --length 300 --context 640 -o c.safetensors")
    try Self.expectDone(folder, "cache pack c.safetensors -o c.sumac")
    let figures = try Self.figures(
      folder, "c.sumac --against c.sumac --model clex --data \(Self.prose) --tokens 20")
    #expect(figures["context"]?.asInt == 640)
  }

  @Test("a cache of another model is judged with a warning that names both") func otherModel()
    throws
  {
    let folder = try Workspace().folder
    try Self.expectDone(
      folder, "cache make base --data \(Self.prose) --length 40 -o c.safetensors")
    try Self.expectDone(folder, "cache pack c.safetensors -o c.sumac")
    try Self.expectDone(folder, "convert base -o base.sumac")
    func messages(_ model: String) throws -> String {
      let run = try Self.run(
        folder,
        "cache eval c.sumac --against c.safetensors --model \(model) --data \(Self.prose) --tokens 4"
      )
      #expect(run.status == 0, "\(run.messages)")
      return run.messages
    }
    #expect(try messages("tech").contains("the model base made the cache, which is not tech"))
    #expect(try !messages("base").contains("made the cache"))
    #expect(try !messages("base.sumac").contains("made the cache"))
  }

  @Test(
    "inputs that do not fit are refused before work",
    arguments: [
      ("make base --data @ --length 0 -o x.safetensors", 64, "--length is 0"),
      ("make base --data @ --length 50000 -o x.safetensors", 64, "fewer than --length 50000"),
      ("make base --data nothing.txt --length 4 -o x.safetensors", 4, "nothing.txt"),
      ("make base --data @ --length 4 --layout no -o x.safetensors", 64, "--layout no"),
      ("make base --data @ --length 4 --dtype f9 -o x.safetensors", 64, "--dtype f9"),
      ("make base --data @ --length 4 --context 0 -o x.safetensors", 64, "--context is 0"),
      ("make base --data @ --length 20 --context 10 -o x.safetensors", 64, "--context is 10"),
      ("make base --data @ --data @ --length 4 -o x.safetensors", 64, "--data is given 2 times"),
      ("make bert --data @ --length 4 -o x.safetensors", 64, "is an encoder"),
      ("make base --data @ --length 4 -o x", 64, "a single file"),
      ("eval c.safetensors --against c.safetensors --data @", 64, "--model is missing"),
      (
        "eval c.safetensors --against c.safetensors --model base --data @ --tokens 1", 64,
        "--tokens is 1"
      ),
      (
        "eval c.safetensors --against prompt.safetensors --model base --data @", 64,
        "has 40 tokens, but prompt.safetensors has 128"
      ),
      (
        "eval prompt.safetensors --against prompt.safetensors --model base --data @", 64,
        "token 1 in the cache is"
      ),
      (
        "eval c.safetensors --against c.safetensors --model base --data short.i32", 64,
        "at least 2 must follow"
      ),
      ("eval c.safetensors --against c.safetensors --model qwen --data ones.i32", 3, "expected"),
      (
        "eval c.safetensors --against c.safetensors --model qwen --data short.i32", 64,
        "knows tokens"
      ),
      ("eval base --against c.safetensors --model base --data @", 3, "is not a cache"),
    ])
  func refused(line: String, status: Int32, message: String) throws {
    let folder = try Workspace().folder
    for (name, target) in [
      ("bert", "networks/bert"), ("qwen", "networks/families/qwen2-tied"),
    ] {
      try FileManager.default.createSymbolicLink(
        atPath: folder[name], withDestinationPath: Fixtures.path(target))
    }
    try Self.expectDone(
      folder, "cache make base --data \(Self.prose) --length 40 -o c.safetensors")
    let ids = try #require(
      try Containers.read(folder["c.safetensors"]).tensors.first { $0.name == "token_ids" })
    // The first of them is the token for the beginning, which the tokenizer adds again.
    try folder.write(Array(try ids.bytes().dropFirst(4)), to: "short.i32")
    try folder.write((0..<60).flatMap { _ in [1, 0, 0, 0] as [UInt8] }, to: "ones.i32")
    let names = try folder.names()
    let run = try Self.run(folder, "cache " + line.replacing("@", with: Self.prose))
    #expect(run.status == status, "\(line): \(run.status) \(run.messages)")
    #expect(run.messages.contains(message), "\(line): \(run.messages)")
    #expect(try folder.names() == names)
  }
}
