import Base
import Foundation
import Glibc
import TestSupport
import Testing

/// Merges with learned coefficients by the built program.
@Suite(.needsOpenBLAS) struct LearnedMergeTests {
  private let folder: TemporaryFolder
  private static let names = ["base", "a", "b", "c", "pool", "heads", "expected"]

  /// Copies the small encoder, since a faulty program could replace its files.
  init() throws {
    folder = try TemporaryFolder()
    for name in Self.names {
      let bytes = try Fixtures.bytes("adamerging/\(name).safetensors")
      try folder.write(bytes, to: "\(name).safetensors")
    }
    try folder.write(Array(Self.configuration.utf8), to: "config.json")
  }

  private static let configuration =
    #"{"model_type":"mlp_encoder","input_shape":[12],"hidden_sizes":[10,8],"num_labels":6}"#

  /// The arguments of a learning of eight steps, without its outputs.
  private static let learning =
    [
      "merge", "a.safetensors", "b.safetensors", "c.safetensors", "--base", "base.safetensors",
      "--method", "adamerging", "--heads", "heads.safetensors", "--divisor", "16", "--steps", "8",
    ] + ["a", "b", "c"].flatMap { ["--data", "\($0)=pool.safetensors:\($0)"] }
  private static let table = ["--save-coefficients", "c.json"]
  private static let batches = ["--batch", "4", "--batches", "2"]
  private static let model = ["-o", "out.safetensors"]

  private func run(_ options: [String]) throws -> CommandRun {
    try CommandRun.sumac(Self.learning + options, in: folder.path)
  }

  private static func parsed(_ bytes: [UInt8]) throws -> JSONValue {
    try JSONValue.parse(bytes.span)
  }

  /// Writes a safetensors file.
  private func write(
    _ name: String, _ tensors: [(name: String, dtype: String, shape: [Int], bytes: [UInt8])]
  ) throws {
    var (entries, bytes) = ([String](), [UInt8]())
    for tensor in tensors {
      let end = bytes.count + tensor.bytes.count
      entries.append(
        #""\#(tensor.name)":{"dtype":"\#(tensor.dtype)","shape":\#(tensor.shape),"#
          + #""data_offsets":[\#(bytes.count),\#(end)]}"#)
      bytes += tensor.bytes
    }
    let header = Array("{\(entries.joined(separator: ","))}".utf8)
    let size = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
    try folder.write(size + header + bytes, to: name)
  }

  // MARK: Outputs

  @Test("the trajectory has a line for each step, and ends with the coefficients of the table")
  func trajectory() throws {
    let run = try run(
      Self.batches + Self.table + Self.model
        + ["--trajectory", "t.jsonl", "--draws", "expected.safetensors:draws"])
    #expect(run.status == 0, "\(run.messages)")
    let lines = String(decoding: try folder.bytes("t.jsonl"), as: UTF8.self)
      .split(separator: "\n").map { try? Self.parsed(Array($0.utf8)) }
    try #require(lines.count == 9)
    let names = lines[0]?["rows"]?.asArray ?? []
    let last = lines[8]?["raw"]?.asArray ?? []
    let table = try Self.parsed(folder.bytes("c.json"))
    #expect(names.count == 7 && last.count == 7)
    for (name, row) in zip(names, last) {
      #expect(table["coefficients"]?[name.asString ?? ""] == row)
    }
  }

  @Test("coefficients and steps before a divergence are kept") func divergence() throws {
    let run = try run(
      Self.batches + Self.table + Self.model
        + ["--trajectory", "t.jsonl", "--divisor", "1e-300"])
    #expect(run.status == 3)
    #expect(run.messages.contains("step 1"), "\(run.messages)")
    #expect(folder.exists("c.json") && !folder.exists("out.safetensors"))
    let lines = try folder.bytes("t.jsonl").split(separator: UInt8(ascii: "\n"))
    #expect(lines.count == 1)
  }

  @Test(
    "the trajectory is written while the steps run, and an interrupted run leaves no part of it")
  func interruption() throws {
    let process = CommandRun.process(
      Self.learning + Self.batches + Self.table + Self.model
        + ["--trajectory", "t.jsonl", "--steps", "1000000"], in: folder.path)
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try process.run()
    var writtenByteCount = 0
    for _ in 0..<180 where writtenByteCount == 0 && process.isRunning {
      usleep(10_000)
      for name in try folder.names() where name.hasPrefix("t.jsonl.partial-") {
        writtenByteCount = (try? folder.bytes(name).count) ?? 0
      }
    }
    process.interrupt()
    process.waitUntilExit()
    #expect(writtenByteCount > 0)
    #expect(process.terminationStatus == 130)
    let names = try folder.names()
    #expect(names == (Self.names.map { $0 + ".safetensors" } + ["config.json"]).sorted())
  }

  @Test(
    "no output replaces an input, even with --force",
    arguments: [
      ["-o", "pool.safetensors"], ["-o", "heads.safetensors"],
      ["--trajectory", "pool.safetensors"], ["--trajectory", "./heads.safetensors"],
      ["--save-coefficients", "expected.safetensors"], ["--save-coefficients", "config.json"],
      ["--trajectory", "a.safetensors"],
    ])
  func inputs(change: [String]) throws {
    var outputs = ["-o": "out.safetensors", "--save-coefficients": "c.json"]
    outputs[change[0]] = change[1]
    let run = try run(
      Self.batches + outputs.flatMap { [$0.key, $0.value] }
        + ["-f", "--draws", "expected.safetensors:draws", "--arch", "config.json"])
    #expect(run.status == 64)
    #expect(run.messages.contains("the input"), "\(run.messages)")
    for name in Self.names {
      let found = try folder.bytes("\(name).safetensors")
      let bytes = try Fixtures.bytes("adamerging/\(name).safetensors")
      #expect(found == bytes, "\(name)")
    }
    let (configuration, names) = (try folder.bytes("config.json"), try folder.names())
    #expect(configuration == Array(Self.configuration.utf8))
    #expect(names.count == Self.names.count + 1)
  }

  @Test("a table may replace an old one beside a configuration or a tokenizer") func beside() throws
  {
    let options = Self.batches + Self.table + Self.model + ["--arch", "config.json"]
    let first = try run(options)
    #expect(first.status == 0)
    let second = try run(options + ["-f"])
    #expect(second.status == 0, "\(second.messages)")
  }

  @Test(
    "outputs that name the same file are refused before the work",
    arguments: [
      ["--save-coefficients", "c9.json", "--trajectory", "./c9.json"],
      ["--save-coefficients", "c9.json", "--trajectory", "inner/../c9.json"],
      ["--save-coefficients", "link/c9.json", "--trajectory", "inner/c9.json"],
      ["--save-coefficients", "./out.safetensors"],
    ])
  func sameFile(options: [String]) throws {
    try folder.write([], to: "inner/empty")
    try FileManager.default.createSymbolicLink(
      atPath: folder["link"], withDestinationPath: folder["inner"])
    let run = try run(Self.batches + Self.model + options)
    #expect(run.status == 64)
    #expect(run.messages.contains("names the same file as another output"), "\(run.messages)")
    #expect(!folder.exists("c9.json") && !folder.exists("out.safetensors"))
    let names = try folder.names(in: "inner")
    #expect(names == ["empty"])
  }

  @Test("a file inside the folder that the model replaces is refused") func inside() throws {
    let options = Self.batches + ["-o", "out"]
    let first = try run(options + Self.table)
    #expect(first.status == 0)
    let second = try run(options + ["-f", "--save-coefficients", "out/c.json"])
    #expect(second.status == 64)
    #expect(second.messages.contains("inside the folder out"), "\(second.messages)")
    let names = try folder.names(in: "out")
    #expect(!names.contains("c.json"))
  }

  // MARK: Settings

  @Test(
    "numbers without a bound are refused",
    arguments: ["steps", "batch", "batches", "patience", "window"])
  func bounds(option: String) throws {
    for value in ["0", "2147483649", "9223372036854775807"] {
      let run = try run(Self.table + Self.model + ["--\(option)", value])
      #expect(run.status == 64)
      let expected = "--\(option) is \(value), expected 1 to 2147483648"
      #expect(run.messages.contains(expected), "\(run.messages)")
    }
  }

  // MARK: Inputs

  /// A change of a classifier.
  struct Part: Sendable, CustomTestStringConvertible {
    var name: String
    var dtype: String
    var shape: [Int]
    var byteCount: Int
    var reason: String
    var testDescription: String { "\(name) \(dtype)" }
  }

  @Test(
    "classifiers of another dtype or shape are refused",
    arguments: [
      Part(name: "a.bias", dtype: "I32", shape: [4], byteCount: 16, reason: "has the dtype I32"),
      Part(
        name: "a.weight", dtype: "U8", shape: [4, 6], byteCount: 24, reason: "has the dtype U8"),
      Part(name: "a.bias", dtype: "F32", shape: [3], byteCount: 12, reason: "expected [4]"),
    ])
  func classifiers(part: Part) throws {
    var tensors: [(name: String, dtype: String, shape: [Int], bytes: [UInt8])] = []
    for (name, count) in [("a", 4), ("b", 2), ("c", 3)] {
      tensors.append(
        (name + ".weight", "F32", [count, 6], [UInt8](repeating: 0, count: 24 * count)))
    }
    tensors.removeAll { $0.name == part.name }
    tensors.append(
      (part.name, part.dtype, part.shape, [UInt8](repeating: 0, count: part.byteCount)))
    try write("heads.safetensors", tensors)
    let run = try run(Self.batches + Self.table + Self.model)
    #expect(run.status == 3)
    let expected = "heads.safetensors: tensor '\(part.name)'"
    #expect(run.messages.contains(expected), "\(run.messages)")
    #expect(run.messages.contains(part.reason), "\(run.messages)")
  }

  @Test("draws after the last step are neither read nor checked") func laterDraws() throws {
    let good = (0..<48).map { UInt8($0 % 4 == 0 ? $0 / 4 : 0) }
    let wrong = [UInt8](repeating: 0x7F, count: 48)
    try write("draws.safetensors", [("draws", "I32", [2, 3, 1, 4], good + wrong)])
    let options = Self.table + Self.model + ["--draws", "draws.safetensors"]
    let one = try run(options + ["--steps", "1"])
    #expect(one.status == 0, "\(one.messages)")
    let two = try run(options + ["--steps", "2", "-f"])
    #expect(two.status == 3)
    #expect(two.messages.contains("element 12 is "), "\(two.messages)")
  }

  @Test("examples that do not fit into memory are an error before they are read") func memory()
    throws
  {
    let header = #"{"a":{"dtype":"U8","shape":[8388608,12],"data_offsets":[0,100663296]}}"#
    let size = (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) }
    try folder.write(size + Array(header.utf8), to: "large.safetensors")
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: folder["large.safetensors"]))
    try file.truncate(atOffset: UInt64(8 + header.utf8.count + 100_663_296))
    try file.close()
    var arguments = Self.learning + Self.batches + Self.table + Self.model + ["--memory", "128MiB"]
    let place = try #require(arguments.firstIndex(of: "a=pool.safetensors:a"))
    arguments[place] = "a=large.safetensors"
    let run = try CommandRun.sumac(arguments, in: folder.path)
    #expect(run.status == 64)
    let expected = "large.safetensors: tensor 'a' is held in memory and needs 480 MiB"
    #expect(run.messages.contains(expected), "\(run.messages)")
  }

  // MARK: Settings

  @Test(
    "settings without effect and wrong numbers of tasks are refused before the work",
    arguments: [
      (["--window", "7"], "--window has no effect on an encoder"),
      (["--tokenizer", "t.json"], "--tokenizer has no effect on an encoder"),
      (["--data", "d=pool.safetensors:a"], "4 tasks with data for 3 models, expected as many"),
      (["a.safetensors"], "a.safetensors is named twice"),
    ])
  func settings(options: [String], message: String) throws {
    let run = try run(
      Self.batches + Self.model + Self.table + ["--arch", "config.json"] + options)
    #expect(run.status == 64)
    #expect(run.messages.contains(message), "\(run.messages)")
    #expect(!run.messages.contains("c.json"), "\(run.messages)")
    #expect(!folder.exists("out.safetensors") && !folder.exists("c.json"))
  }

  @Test("a table that was learned with --ties is used with the same --ties") func ties() throws {
    let learned = try run(
      Self.batches + Self.model + Self.table + ["--arch", "config.json", "--ties", "20%"])
    #expect(learned.status == 0, "\(learned.messages)")
    #expect(try Self.parsed(folder.bytes("c.json"))["ties"]?.asDouble == 0.2)
    func merge(_ options: [String]) throws -> CommandRun {
      try CommandRun.sumac(
        [
          "merge", "a.safetensors", "b.safetensors", "c.safetensors", "--base",
          "base.safetensors", "--method", "adamerging", "--coefficients", "c.json", "-o",
          "again.safetensors", "--no-lineage", "-f",
        ] + options, in: folder.path)
    }
    let without = try merge([])
    #expect(without.status == 64)
    #expect(without.messages.contains("merge by --method adamerging and --ties 0.2"))
    #expect(!folder.exists("again.safetensors"))
    let again = try merge(["--ties", "20%"])
    #expect(again.status == 0, "\(again.messages)")
  }
}
