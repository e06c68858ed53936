import Base
import Checkpoints
import Containers
import Foundation
import Packing
import Safetensors
import TensorCore
import TestSupport
import Testing

/// Tests of cache commands with the built program.
@Suite(.serialized) struct CacheTests {
  private static func run(_ folder: TemporaryFolder, _ line: String) throws -> CommandRun {
    try CommandRun.sumac(line.split(separator: " ").map(String.init), in: folder.path)
  }

  private static func expectDone(_ folder: TemporaryFolder, _ line: String) throws {
    let run = try run(folder, line)
    #expect(run.status == 0, "\(line): \(run.messages)")
  }

  /// Writes a cache with two layers of `heads` heads of 64 values and `tokens` tokens.
  private static func write(
    _ folder: TemporaryFolder, heads: Int = 8, tokens: Int = 1100
  ) throws {
    let tensors = try ["layers.0.key", "layers.0.value", "layers.1.key", "layers.1.value"]
      .enumerated().map {
        try LazyTensor.random($1, [1, heads, tokens, 64], seed: UInt64($0))
      }
    let checkpoint = Checkpoint(
      path: "memory", container: .memory, tensors: tensors,
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
    let job = try OutputJob(
      checkpoint, to: folder["in.safetensors"], container: SafetensorsContainer.self,
      options: WriterOptions(),
      replacesExisting: false)
    try job.writer.write(
      to: AtomicOutput(path: folder["in.safetensors"], replacesExisting: false), engine: .test())
  }

  @Test("the bytes do not depend on threads and memory, and memory stays below limit and plan")
  func memory() throws {
    let folder = try TemporaryFolder()
    // Enough work for each of five workers.
    try Self.write(folder, tokens: 4400)
    for command in [
      "cache pack in.safetensors -o packed.sumac --bits 3",
      "cache unpack packed.sumac -o a.safetensors",
      "cache unpack packed.sumac -o a --layout vllm",
    ] {
      let output = String(command.split(separator: " ")[4])
      var seen: [[UInt8]] = []
      for extra in ["-j 1", "-j 5", "-j 2 --memory 64MiB"] {
        let run = try Self.run(folder, "\(command) -vv -f \(extra)")
        #expect(run.status == 0, "\(run.messages)")
        let peak = try #require(
          run.messages.firstMatch(of: /peak resident memory (\d+) bytes/).flatMap { Int($0.1) })
        let planned = try #require(
          run.messages.firstMatch(of: /(\d+) planned/).flatMap { Int($0.1) })
        #expect(peak <= planned && planned <= 2 * peak, "\(command) \(extra): \(peak) \(planned)")
        if extra.contains("64MiB") { #expect(peak < 64 << 20) }
        let names = output == "a" ? try folder.names(in: "a").map { "a/" + $0 } : [output]
        seen.append(try names.flatMap { try folder.bytes($0) })
      }
      #expect(seen[0] == seen[1] && seen[1] == seen[2] && !seen[0].isEmpty)
    }
  }

  @Test(
    "the second reader finds the same values as unpack",
    arguments: [
      "--method gear --bits 2", "--method gear --bits 8 --residual 30", "--method kcvt --bits 3",
      "--method gear-l --svd", "--method gear --parity official --group 32",
      "--method gear --compress none",
    ])
  func secondReader(options: String) throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    try Self.expectDone(folder, "cache pack prompt.safetensors -o p.sumac \(options)")
    try Self.expectDone(folder, "verify p.sumac")
    let tensors = try Containers.read(folder["p.sumac"]).tensors
    let lines = try SecondReaderTests.run([folder["p.sumac"]]).split(separator: "\n")
    #expect(lines.count == tensors.count)
    for tensor in tensors {
      let digest = Digest.sha256(try tensor.bytes())
      #expect(lines.contains { $0.hasSuffix("\(digest)  \(tensor.name)") }, "\(tensor.name)")
    }
  }

  @Test("a cache survives a round trip through every layout")
  func roundTrips() throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    for (layout, output, input) in [
      ("mlx", "m.safetensors", "m.safetensors"), ("mlx-older", "n.safetensors", "n.safetensors"),
      ("vllm", "v", "v"), ("vllm-older", "w", "w --kv-shape 2x32"),
      ("lmcache", "l", "l/chunk.pt --kv-shape 2x32 --layers 4 --kv-dtype f32"),
      ("llamacpp", "x.seq", "x.seq --model base"),
      ("safetensors", "s.safetensors", "s.safetensors --model base"),
    ] {
      try Self.expectDone(
        folder, "cache convert prompt.safetensors -o \(output) --layout \(layout)")
      try Self.expectDone(folder, "cache convert \(input) -o back.safetensors -f")
      let run = try Self.run(
        folder, "cache inspect back.safetensors --against prompt.safetensors --json")
      #expect(run.status == 0, "\(run.messages)")
      #expect(run.output.count(of: "\"error\": 0.0,") == 8, "\(layout): \(run.output)")
    }
  }

  @Test("the old output stays if the cache contains NaN")
  func notFinite() throws {
    let folder = try TemporaryFolder()
    try Self.write(folder, heads: 1, tokens: 64)
    try Self.expectDone(folder, "cache pack in.safetensors -o p.sumac")
    let old = try folder.bytes("p.sumac")
    var bytes = try folder.bytes("in.safetensors")
    bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: [0, 0, 0xC0, 0x7F])
    try folder.write(bytes, to: "in.safetensors")
    let run = try Self.run(folder, "cache pack in.safetensors -o p.sumac -f")
    #expect(run.status == 3 && run.messages.contains("value [0, 0, 63, 63] is NaN or infinite"))
    #expect(try folder.bytes("p.sumac") == old)
    #expect(try folder.names() == ["in.safetensors", "p.sumac"])
  }

  @Test("an appended cache records the origin of both parts")
  func appended() throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    try Self.expectDone(folder, "cache pack prompt.safetensors -o p.sumac --model base")
    try Self.expectDone(folder, "cache append p.sumac prompt.safetensors -o all.sumac")
    try Self.expectDone(folder, "cache append all.sumac prompt.safetensors -o more.sumac")
    let run = try Self.run(folder, "cache inspect more.sumac --json")
    #expect(run.output.contains("\"tokens\": 384") && run.output.contains("\"model\": \"base\""))
    let lineage = try Self.run(folder, "explain more.sumac")
    #expect(lineage.status == 0, "\(lineage.messages)")
    #expect(lineage.output.contains("cache append") && lineage.output.contains("cache pack"))
    let against = try Self.run(folder, "cache inspect p.sumac --against more.sumac")
    #expect(against.status == 64 && against.messages.contains("in the other cache"))
  }
}

extension String {
  /// Returns the number of occurrences of a text.
  fileprivate func count(of text: String) -> Int { ranges(of: text).count }
}
