import Foundation
import Packing
import TestSupport
import Testing

/// Tests of the promises on memory, determinism and exactness, with the built program.
@Suite(.serialized) struct PromiseTests {
  /// Returns the number that a pattern captures in the messages of `-vv`.
  private static func number(_ pattern: Regex<(Substring, Substring)>, in text: String) throws
    -> Int
  {
    try #require(text.firstMatch(of: pattern).flatMap { Int($0.1) })
  }

  static let limit = 64 << 20

  @Test(
    "memory stays below budget and plan for ten times the budget in one tensor",
    arguments: ["out.sumac", "out.safetensors", "out"])
  func memory(name: String) throws {
    let folder = try TemporaryFolder()
    // One tensor of 640 MiB with one row.
    try LargeFile.write(to: folder["in.safetensors"], tensors: 1, columns: 160 << 20)
    for extra in [[], ["--dtype", "bf16"]] {
      let run = try CommandRun.sumac(
        ["convert", "in.safetensors", "-o", name, "--memory", "64MiB", "-vv", "-f", "-j", "2"]
          + extra, in: folder.path)
      #expect(run.status == 0, "\(run.messages)")
      let peak = try Self.number(/peak resident memory (\d+) bytes/, in: run.messages)
      let planned = try Self.number(/(\d+) planned/, in: run.messages)
      #expect(peak < Self.limit)
      #expect(peak <= planned)
      #expect(planned <= 2 * peak)
      let plan = try CommandRun.sumac(
        [
          "convert", "in.safetensors", "-o", "x\(name)", "--memory", "64MiB", "--dry-run", "-j",
          "2",
        ]
          + extra, in: folder.path)
      #expect(plan.status == 0, "\(plan.messages)")
      #expect(plan.output.contains("peak memory"))
      #expect(!folder.exists("x\(name)"))
    }
  }

  @Test(
    "memory of merges stays below budget and plan for ten times the budget",
    arguments: ["linear", "ties", "dare_ties", "slerp"])
  func mergeMemory(method: String) throws {
    let folder = try TemporaryFolder()
    for (name, tensors) in [("a", 2), ("b", 2)] {
      try LargeFile.write(
        to: folder[name + ".safetensors"], tensors: tensors, columns: 40 << 20)
    }
    let base = method == "linear" ? ["b.safetensors"] : ["--base", "b.safetensors"]
    let parameters =
      ["slerp": ["--t", "0.3"], "linear": []][method] ?? ["--density", "0.5"]
    let run = try CommandRun.sumac(
      [
        "merge", "a.safetensors", "--method", method, "-o", "m.safetensors", "--memory", "64MiB",
        "-vv", "-j", "2",
      ] + base + parameters, in: folder.path)
    #expect(run.status == 0, "\(run.messages)")
    let peak = try Self.number(/peak resident memory (\d+) bytes/, in: run.messages)
    let planned = try Self.number(/(\d+) planned/, in: run.messages)
    #expect(peak < Self.limit && peak <= planned && planned <= 2 * peak, "\(peak) \(planned)")
  }

  @Test(
    "memory stays below the plan for small models, large budgets and many tensors",
    arguments: [1, 2, 7])
  func plannedPeak(jobs: Int) throws {
    let workspace = try Workspace()
    try Self.manyTensors(20_000, to: workspace.folder, "many.safetensors")
    for input in ["base", "many.safetensors"] {
      for output in ["x.sumac", "x.safetensors", "x"] {
        let run = try CommandRun.sumac(
          ["convert", input, "-o", output, "-vv", "-f", "-j", String(jobs), "--compress", "small"]
            + (output == "x" && input == "base" ? ["--shard-size", "100kB"] : []),
          in: workspace.folder.path)
        #expect(run.status == 0, "\(run.messages)")
        let peak = try Self.number(/peak resident memory (\d+) bytes/, in: run.messages)
        let planned = try Self.number(/(\d+) planned/, in: run.messages)
        #expect(peak <= planned, "\(input) to \(output)")
        #expect(planned <= 2 * peak, "\(input) to \(output)")
      }
    }
  }

  @Test(
    "memory of statistics and pruning stays below the budget for larger models", arguments: [1, 40])
  func surveysMemory(tensors: Int) throws {
    let folder = try TemporaryFolder()
    // 160 MiB in 1 or 40 tensors.
    try LargeFile.write(
      to: folder["in.safetensors"], tensors: tensors, columns: (40 << 20) / tensors)
    for arguments in [
      ["inspect", "in.safetensors", "--stats"],
      ["prune", "in.safetensors", "-o", "a.sumac", "--include", "*"],
      ["prune", "in.safetensors", "-o", "a.safetensors", "--include", "*", "--scope", "layer"],
      ["prune", "in.safetensors", "-o", "b.safetensors", "--include", "*", "--by", "nm"],
    ] {
      let run = try CommandRun.sumac(
        arguments + ["--memory", "64MiB", "-vv", "-j", "2"], in: folder.path)
      #expect(run.status == 0, "\(run.messages)")
      let peak = try Self.number(/peak resident memory (\d+) bytes/, in: run.messages)
      #expect(peak < Self.limit, "\(arguments)")
      for name in ["a.sumac", "a.safetensors", "b.safetensors"] where folder.exists(name) {
        try FileManager.default.removeItem(atPath: folder[name])
      }
    }
  }

  @Test("the bytes of a pruned output do not depend on threads and memory")
  func prunedBytes() throws {
    let workspace = try Workspace()
    let options = ["--p", "0.3", "--q", "1.2", "--iterations", "2", "--scope"]
    for scope in ["neuron", "layer", "global"] {
      var seen: [[UInt8]] = []
      for extra in [["-j", "1"], ["-j", "5"], ["--memory", "32MiB"]] {
        for output in ["a.sumac", "a.safetensors"] {
          let run = try CommandRun.sumac(
            ["prune", "base", "-o", output, "-q", "-f"] + options + [scope] + extra,
            in: workspace.folder.path)
          #expect(run.status == 0, "\(run.messages)")
        }
        seen.append(
          try workspace.folder.bytes("a.sumac") + workspace.folder.bytes("a.safetensors"))
      }
      #expect(seen[0] == seen[1] && seen[1] == seen[2])
      // Both formats contain the same values.
      let verify = try CommandRun.sumac(
        ["verify", "a.sumac", "--against", "a.safetensors"], in: workspace.folder.path)
      #expect(verify.status == 0, "\(verify.output)\(verify.messages)")
    }
  }

  @Test("memory stays below the plan for many shards")
  func shards() throws {
    let folder = try TemporaryFolder()
    try LargeFile.write(to: folder["in.safetensors"], tensors: 40, columns: 1 << 20)
    let run = try CommandRun.sumac(
      ["convert", "in.safetensors", "-o", "x", "-vv", "--shard-size", "8MiB", "-j", "2"],
      in: folder.path)
    #expect(run.status == 0, "\(run.messages)")
    let peak = try Self.number(/peak resident memory (\d+) bytes/, in: run.messages)
    let planned = try Self.number(/(\d+) planned/, in: run.messages)
    #expect(peak <= planned)
    #expect(planned <= 2 * peak)
  }

  private static func manyTensors(_ count: Int, to folder: TemporaryFolder, _ name: String) throws {
    let entries = (0..<count).map { index in
      "\"model.layers.\(index).self_attn.q_proj.weight\":{\"dtype\":\"U8\",\"shape\":[4],"
        + "\"data_offsets\":[\(4 * index),\(4 * index + 4)]}"
    }
    let header = Array(("{" + entries.joined(separator: ",") + "}").utf8)
    let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
    try folder.write(length + header + [UInt8](repeating: 7, count: 4 * count), to: name)
  }

  @Test(
    "the bytes do not depend on threads, memory and repetition",
    arguments: ["out.sumac", "out.safetensors"])
  func determinism(name: String) throws {
    let workspace = try Workspace()
    try LargeFile.write(to: workspace.folder["in.safetensors"], tensors: 5, columns: 700_001)
    var first: [UInt8]?
    for options in [
      ["-j", "1"], ["-j", "2"], ["-j", "7"], ["-j", "7", "--memory", "32MiB"],
      ["--memory", "64MiB"],
    ] {
      let run = try CommandRun.sumac(
        ["convert", "in.safetensors", "-o", name, "-q", "-f", "--dtype", "bf16"] + options,
        in: workspace.folder.path)
      #expect(run.status == 0, "\(run.messages)")
      let bytes = try workspace.folder.bytes(name)
      #expect(bytes == first ?? bytes, "\(options)")
      first = bytes
    }
  }

  @Test("every valid file survives a round trip through every container bit for bit")
  func goldenRoundTrips() throws {
    let workspace = try Workspace()
    let names = Fixtures.names(in: "safetensors/valid", suffix: ".safetensors")
    for name in names {
      for compression in ["none", "fast", "small"] {
        for arguments in [
          ["convert", "valid/\(name)", "-o", "a.sumac", "-q", "-f", "--compress", compression],
          ["convert", "a.sumac", "-o", "b", "-q", "-f"],
          ["convert", "b", "-o", "c.safetensors", "-q", "-f"],
          ["verify", "c.safetensors", "--against", "valid/\(name)", "-q"],
          ["verify", "a.sumac", "--against", "valid/\(name)", "-q"],
        ] {
          let run = try CommandRun.sumac(arguments, in: workspace.folder.path)
          #expect(run.status == 0, "\(name): \(arguments): \(run.output)\(run.messages)")
        }
      }
    }
    #expect(names.count >= 13)
  }

  @Test(
    "config.json states the new dtype of a converted model, and the old one if dtypes are mixed")
  func configuration() throws {
    let workspace = try Workspace()
    for (extra, expected) in [([], "float16"), (["--exclude", "lm_head*"], "bfloat16")] {
      let run = try CommandRun.sumac(
        ["convert", "base", "-o", "half", "-q", "-f", "--dtype", "f16"] + extra,
        in: workspace.folder.path)
      #expect(run.status == 0, "\(run.messages)")
      let config = String(decoding: try workspace.folder.bytes("half/config.json"), as: UTF8.self)
      let original = String(
        decoding: try workspace.folder.bytes("base/config.json"), as: UTF8.self)
      #expect(config == original.replacing("bfloat16", with: expected))
    }
  }

  @Test("standard input is read, and a named pipe is refused")
  func pipes() throws {
    let workspace = try Workspace()
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/bin/sh")
    shell.arguments = [
      "-c",
      "'\(CommandRun.program)' convert - -o x.sumac -q < base/model.safetensors"
        + " && mkfifo pipe && ! '\(CommandRun.program)' inspect pipe 2>/dev/null",
    ]
    shell.currentDirectoryURL = URL(fileURLWithPath: workspace.folder.path)
    try shell.run()
    shell.waitUntilExit()
    #expect(shell.terminationStatus == 0)
    let verify = try CommandRun.sumac(
      ["verify", "x.sumac", "--against", "base/model.safetensors", "-q"], in: workspace.folder.path)
    #expect(verify.status == 0)
  }

  @Test("verify and convert refuse a damaged file and name tensor and offset")
  func damage() throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    _ = try CommandRun.sumac(["convert", "base", "-o", "x.sumac", "-q"], in: folder.path)
    var bytes = try folder.bytes("x.sumac")
    bytes[100_000] ^= 8
    try folder.write(bytes, to: "x.sumac")
    let verify = try CommandRun.sumac(["verify", "x.sumac"], in: folder.path)
    #expect(verify.status == 3)
    #expect(verify.output.contains("sumac.chunk-checksum"))
    #expect(verify.output.contains("tensor '"))
    let convert = try CommandRun.sumac(
      ["convert", "x.sumac", "-o", "y.safetensors"], in: folder.path)
    #expect(convert.status == 3)
    #expect(!folder.exists("y.safetensors"))
  }

  @Test("Python's safetensors and NumPy read the written files tensor for tensor")
  func python() throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    for arguments in [
      ["convert", "base", "-o", "model.sumac", "-q"],
      ["convert", "model.sumac", "-o", "sharded", "-q", "--shard-size", "500kB"],
      ["convert", "model.sumac", "-o", "one.safetensors", "-q"],
      ["convert", "valid/all_dtypes.safetensors", "-o", "dtypes.sumac", "-q"],
      ["convert", "dtypes.sumac", "-o", "dtypes.safetensors", "-q"],
      ["convert", "valid/names.safetensors", "-o", "names.safetensors", "-q"],
    ] {
      let run = try CommandRun.sumac(arguments, in: folder.path)
      #expect(run.status == 0, "\(run.messages)")
    }
    let script = """
      import glob, json, sys
      from safetensors import deserialize
      def read(*paths):
          tensors = {}
          for path in paths:
              for name, t in deserialize(open(path, 'rb').read()):
                  tensors[name] = (t['dtype'], t['shape'], bytes(t['data']))
          return tensors
      base = read('base/model.safetensors')
      assert len(base) == 39
      assert read('one.safetensors') == base
      shards = sorted(glob.glob('sharded/*.safetensors'))
      assert len(shards) > 2
      assert read(*shards) == base
      index = json.load(open('sharded/model.safetensors.index.json'))
      assert set(index['weight_map']) == set(base)
      assert read('dtypes.safetensors') == read('valid/all_dtypes.safetensors')
      assert read('names.safetensors') == read('valid/names.safetensors')
      from safetensors.numpy import load_file
      load_file('valid/odd_lengths.safetensors')
      print('equal')
      """
    let python = Process()
    python.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    python.arguments = ["python3", "-c", script]
    python.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    let output = Pipe()
    python.standardOutput = output
    try python.run()
    let text = String(
      decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    python.waitUntilExit()
    #expect(text == "equal\n")
  }

  @Test("the planes of a trained model are packed to within 0.5 % of their entropy")
  func entropy() throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    _ = try CommandRun.sumac(
      ["convert", "base/model.safetensors", "-o", "x.sumac", "-q"], in: folder.path)
    let report = try CommandRun.sumac(["inspect", "x.sumac", "--json"], in: folder.path)
    let json = try #require(
      try JSONSerialization.jsonObject(with: Data(report.output.utf8)) as? [String: Any])
    let tensors = try #require(json["tensors"] as? [[String: Any]])
    let bytes = try Fixtures.bytes("models/base/model.safetensors")
    let original = try CommandRun.sumac(
      ["inspect", "base/model.safetensors", "--json"], in: folder.path)
    let source = try #require(
      try JSONSerialization.jsonObject(with: Data(original.output.utf8)) as? [String: Any])
    var offsets: [String: Int] = [:]
    for tensor in try #require(source["tensors"] as? [[String: Any]]) {
      offsets[tensor["name"] as! String] = tensor["offset"] as? Int
    }
    var stored = 0
    var counts = [[Int](repeating: 0, count: 256), [Int](repeating: 0, count: 256)]
    for tensor in tensors {
      let count = try #require(tensor["bytes"] as? Int)
      let start = try #require(offsets[tensor["name"] as! String])
      for offset in stride(from: start, to: start + count, by: 2) {
        let word = UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8
        let rotated = word << 1 | word >> 15
        counts[0][Int(rotated & 0xFF)] += 1
        counts[1][Int(rotated >> 8)] += 1
      }
      stored += try #require(tensor["stored_bytes"] as? Int)
    }
    let limit = counts.reduce(0) { $0 + PlaneEntropy.bits(of: $1) / 8 }
    #expect(Double(stored) <= limit * 1.005, "\(stored) bytes, entropy \(limit)")
  }
}
