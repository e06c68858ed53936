import Foundation
import TestSupport
import Testing

/// Folders of `.sumac` shards, as the program and the second reader see them.
@Suite struct ShardTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func sumac(_ arguments: String...) throws -> CommandRun {
    try CommandRun.sumac(arguments, in: folder.path)
  }

  private func convert(_ output: String, _ options: String...) throws {
    let run = try CommandRun.sumac(
      ["convert", Fixtures.path("models/base"), "-o", output] + options, in: folder.path)
    #expect(run.status == 0, "\(run.messages)")
  }

  /// Runs the second reader.
  private func reader(_ arguments: String...) throws -> CommandRun {
    try CommandRun.sumac(
      ["-B", SecondReaderTests.reader] + arguments, in: folder.path,
      environment: ["HOME": NSHomeDirectory()], program: SecondReaderTests.python)
  }

  @Test(
    "the second reader reads the same bits from shards as from one file",
    arguments: [[], ["--type", "int4:g64"], ["--terms", "dense:int4:g64+lowrank:4+sparse:1%"]])
  func secondReader(options: [String]) throws {
    let run = try CommandRun.sumac(
      ["convert", Fixtures.path("models/base"), "-o", "one.sumac"] + options, in: folder.path)
    #expect(run.status == 0, "\(run.messages)")
    let shards = try CommandRun.sumac(
      ["convert", Fixtures.path("models/base"), "-o", "many", "--to", "sumac"]
        + ["--shard-size", "150kB"] + options, in: folder.path)
    #expect(shards.status == 0, "\(shards.messages)")
    #expect(try folder.names(in: "many").count { $0.hasSuffix(".sumac") } > 2)
    let one = try reader("--digest", "one.sumac")
    let many = try reader("--digest", "many")
    let tensors = one.output.split(separator: "\n").filter { !$0.contains("attachment:") }
    #expect(tensors.count == 39 && one.status == 0)
    #expect(many.status == 0, "\(many.messages)")
    #expect(many.output.split(separator: "\n") == tensors)
    #expect(try reader("--digest", "many/model.sumac.index.json").output == many.output)
  }

  @Test(
    "both readers refuse a folder with the same code",
    arguments: [
      ("missing", "directory.weights"), ("other", "directory.index"),
      ("version", "directory.index"), ("map", "directory.index"), ("index", "directory.weights"),
    ])
  func refused(fault: String, code: String) throws {
    try convert("many", "--to", "sumac", "--shard-size", "300kB")
    let shards = try folder.names(in: "many").filter { $0.hasSuffix(".sumac") }
    let index = "many/model.sumac.index.json"
    let text = String(decoding: try folder.bytes(index), as: UTF8.self)
    switch fault {
    case "missing": try FileManager.default.removeItem(atPath: folder["many/" + shards[1]])
    case "other":
      try convert("int4", "--to", "sumac", "--shard-size", "300kB", "--type", "int4")
      let other = try folder.names(in: "int4").filter { $0.hasSuffix(".sumac") }
      try folder.write(folder.bytes("int4/" + other[0]), to: "many/" + shards[1])
    case "version":
      try folder.write(
        Array(text.replacing(#""version": 1"#, with: #""version": 2"#).utf8), to: index)
    case "map":
      try folder.write(
        Array(
          text.replacing(#""lm_head.weight": "\#(shards[0])""#, with: #""x": "\#(shards[0])""#)
            .utf8), to: index)
    default: try FileManager.default.removeItem(atPath: folder[index])
    }
    let program = try sumac("verify", "many")
    #expect(
      program.status == 3 && (program.messages + program.output).contains("[\(code)]"), "\(program)"
    )
    let second = try reader("many")
    #expect(second.status == 3 && second.messages.hasPrefix(code + ":"), "\(second)")
  }

  @Test("commands read shards as they read one file")
  func commands() throws {
    try convert("one.sumac", "--type", "int4:g64", "--no-lineage")
    try convert(
      "many", "--type", "int4:g64", "--no-lineage", "--to", "sumac", "--shard-size", "150kB")
    for arguments in [
      ["verify", "IN", "--against", Fixtures.path("models/base"), "--max-rmse", "1"],
      ["prune", "IN", "-o", "OUT-pruned.safetensors", "--no-lineage", "-q"],
      ["convert", "IN", "-o", "OUT-back", "--no-lineage", "-q"],
      [
        "merge", "IN", Fixtures.path("models/base"), "--method", "linear", "-o", "OUT-merged",
        "--no-lineage", "-q",
      ],
    ] {
      for (input, output) in [("one.sumac", "one"), ("many", "many")] {
        let run = try CommandRun.sumac(
          arguments.map { $0.replacing("IN", with: input).replacing("OUT", with: output) },
          in: folder.path)
        #expect(run.status == 0, "\(arguments) \(input): \(run.messages)")
      }
    }
    #expect(
      try folder.bytes("many-pruned.safetensors") == folder.bytes("one-pruned.safetensors"))
    for name in ["back", "merged"] {
      // The model card of a merge names its inputs.
      for file in try folder.names(in: "one-" + name) where file != "README.md" {
        let many = try folder.bytes("many-\(name)/" + file)
        let one = try folder.bytes("one-\(name)/" + file)
        #expect(many == one, "\(name)/\(file)")
      }
    }
  }

  @Test("a batch writes a folder of shards for each model")
  func batch() throws {
    let models = ["base", "poetry"].map { Fixtures.path("models/" + $0) }
    let run = try CommandRun.sumac(
      ["batch", "convert"] + models + ["-o", "out", "--to", "sumac", "--shard-size", "300kB"],
      in: folder.path)
    #expect(run.status == 0, "\(run.messages)")
    #expect(try folder.names(in: "out").filter { !$0.hasPrefix(".") } == ["base", "poetry"])
    let verified = try CommandRun.sumac(
      ["batch", "verify", "out", "-o", "reports"], in: folder.path)
    #expect(verified.status == 0, "\(verified.messages)")
    #expect(
      try folder.names(in: "reports").filter { !$0.hasPrefix(".") } == ["base.json", "poetry.json"])
  }

  @Test("--force replaces a folder of shards, and an archive of one is read")
  func replaced() throws {
    try convert("many", "--to", "sumac", "--shard-size", "300kB")
    let existing = try CommandRun.sumac(
      ["convert", Fixtures.path("models/poetry"), "-o", "many"], in: folder.path)
    #expect(existing.status == 5)
    #expect(try sumac("pack", "many", "-o", "many.tar").status == 0)
    let read = try sumac("convert", "many.tar", "-o", "back", "--no-lineage", "-q")
    #expect(read.status == 0, "\(read.messages)")
    try convert("plain", "--no-lineage")
    for name in try folder.names(in: "plain") {
      let (back, plain) = (try folder.bytes("back/" + name), try folder.bytes("plain/" + name))
      #expect(back == plain, "\(name)")
    }
    try convert("many", "--force")
    #expect(
      folder.exists("many/model.safetensors") && !folder.exists("many/model.sumac.index.json"))
  }
}
