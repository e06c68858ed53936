import Base
import Foundation
import TestSupport
import Testing

/// Tests of memory for many small tensors, with the built program.
@Suite(.serialized) struct ManyTensorsTests {
  private static let count = 100_000

  /// Writes a file of tensors of four bytes that all differ, so that none is stored as an alias of another.
  private static func write(_ count: Int, to folder: TemporaryFolder, _ name: String) throws {
    let entries = (0..<count).map { index in
      "\"model.layers.\(index).weight\":{\"dtype\":\"U8\",\"shape\":[2,2],"
        + "\"data_offsets\":[\(4 * index),\(4 * index + 4)]}"
    }
    try write(
      "{" + entries.joined(separator: ",") + "}",
      values: (0..<count).flatMap { index in
        (0..<4).map { UInt8(truncatingIfNeeded: index >> (8 * $0)) }
      }, to: folder, name)
  }

  private static func write(
    _ json: String, values: [UInt8] = [], to folder: TemporaryFolder, _ name: String
  ) throws {
    let header = Array(json.utf8)
    let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
    try folder.write(length + header + values, to: name)
  }

  private static func number(_ pattern: Regex<(Substring, Substring)>, in text: String) throws
    -> Int
  {
    try #require(text.firstMatch(of: pattern).flatMap { Int($0.1) })
  }

  /// The peak of resident memory of a run in bytes, which the kernel counts, and its exit code and messages.
  static func measured(
    _ arguments: [String], in folder: TemporaryFolder
  ) throws -> (peak: Int, status: Int, messages: String) {
    let script = """
      import os, subprocess, sys
      run = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=open('messages', 'w'))
      _, status, usage = os.wait4(run.pid, 0)
      print(usage.ru_maxrss * 1024, os.waitstatus_to_exitcode(status))
      """
    let python = Process()
    python.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    python.arguments = ["python3", "-c", script, CommandRun.program] + arguments
    python.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    let output = Pipe()
    python.standardOutput = output
    try python.run()
    let text = String(
      decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    python.waitUntilExit()
    let numbers = text.split { !$0.isNumber }.compactMap { Int($0) }
    try #require(numbers.count == 2)
    let messages = String(decoding: try folder.bytes("messages"), as: UTF8.self)
    return (numbers[0], numbers[1], messages)
  }

  @Test("the plan for 100,000 tensors is at least the measured peak and at most twice as much")
  func plannedPeak() throws {
    let folder = try TemporaryFolder()
    try Self.write(Self.count, to: folder, "many.safetensors")
    for arguments in [
      ["convert", "many.safetensors", "-o", "x.sumac"],
      ["convert", "x.sumac", "-o", "x.safetensors"],
      ["convert", "many.safetensors", "-o", "x"],
    ] {
      let run = try CommandRun.sumac(arguments + ["-vv", "-f", "-j", "2"], in: folder.path)
      #expect(run.status == 0, "\(run.messages.suffix(500))")
      let peak = try Self.number(/peak resident memory (\d+) bytes/, in: run.messages)
      let planned = try Self.number(/(\d+) planned/, in: run.messages)
      #expect(peak <= planned, "\(arguments)")
      #expect(planned <= 2 * peak, "\(arguments)")
    }
  }

  @Test(
    "a catalog that needs more than the memory is refused before it is built, with what it needs",
    arguments: [
      ["inspect", "many.safetensors"], ["inspect", "many.safetensors", "--stats", "--json"],
      ["verify", "many.safetensors"], ["convert", "many.safetensors", "-o", "x.sumac"],
      ["prune", "many.safetensors", "-o", "x.safetensors"],
      ["merge", "many.safetensors", "other.safetensors", "--method", "linear", "-o", "x"],
    ])
  func refused(arguments: [String]) throws {
    let folder = try TemporaryFolder()
    try Self.write(Self.count, to: folder, "many.safetensors")
    try folder.write(folder.bytes("many.safetensors"), to: "other.safetensors")
    let run = try Self.measured(arguments + ["--memory", "64MiB"], in: folder)
    #expect(run.status == 64, "\(run.messages)")
    #expect(
      run.messages.contains("the catalog of 100,000 tensors needs about"), "\(run.messages)")
    #expect(run.messages.contains("hint: pass --memory "), "\(run.messages)")
    #expect(run.peak < 64 << 20, "\(arguments): \(run.peak)")
  }

  @Test("the memory that a refusal names is enough, and at most twice what is used")
  func namedMemory() throws {
    let folder = try TemporaryFolder()
    try Self.write(Self.count, to: folder, "many.safetensors")
    for arguments in [
      ["inspect", "many.safetensors"], ["verify", "many.safetensors"],
      ["convert", "many.safetensors", "-o", "x.sumac", "-f"],
    ] {
      let refusal = try Self.measured(arguments + ["--memory", "64MiB"], in: folder)
      let mebibytes = try Self.number(/hint: pass --memory (\d+)MiB/, in: refusal.messages)
      let run = try Self.measured(arguments + ["--memory", "\(mebibytes)MiB"], in: folder)
      #expect(run.status == 0, "\(run.messages)")
      #expect(run.peak <= mebibytes << 20, "\(arguments)")
      #expect(mebibytes << 20 <= 2 * run.peak, "\(arguments)")
    }
  }

  @Test("a packed catalog that needs more than the memory is refused before it is built")
  func packed() throws {
    let folder = try TemporaryFolder()
    try Self.write(Self.count, to: folder, "many.safetensors")
    let made = try CommandRun.sumac(
      ["convert", "many.safetensors", "-o", "x.sumac", "-q"], in: folder.path)
    #expect(made.status == 0, "\(made.messages)")
    let run = try Self.measured(["inspect", "x.sumac", "--memory", "64MiB"], in: folder)
    #expect(run.status == 64, "\(run.messages)")
    #expect(run.messages.contains("tensors needs about"), "\(run.messages)")
    #expect(run.peak < 64 << 20, "\(run.peak)")
  }

  @Test("a long header of empty tensors stays below the default memory")
  func emptyTensors() throws {
    let folder = try TemporaryFolder()
    let entries = (0..<1_600_000).map { index in
      "\"\(String(index, radix: 16))\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}"
    }
    try Self.write("{" + entries.joined(separator: ",") + "}", to: folder, "empty.safetensors")
    let run = try Self.measured(["inspect", "empty.safetensors"], in: folder)
    #expect(run.status == 64, "\(run.messages)")
    #expect(run.peak < 512 << 20, "\(run.peak)")
  }

  /// Writes a file with the tensors `w0`, `w1` and so on, of these shapes; all values are zero and take no space.
  private static func write(
    shapes: [[Int]], to folder: TemporaryFolder, _ name: String
  ) throws {
    var end = 0
    let entries = shapes.enumerated().map { number, shape in
      let start = end
      end += shape.contains(0) ? 0 : 4 * shape.reduce(1, *)
      return "\"w\(number).weight\":{\"dtype\":\"F32\",\"shape\":\(shape),"
        + "\"data_offsets\":[\(start),\(end)]}"
    }
    let json = "{" + entries.joined(separator: ",") + "}"
    try write(json, to: folder, name)
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: folder[name]))
    try file.truncate(atOffset: UInt64(8 + json.utf8.count + end))
    try file.close()
  }

  @Test(
    "a tensor without values needs no memory for its rows, whatever their length",
    arguments: [
      [
        "merge", "a.safetensors", "--base", "b.safetensors", "--method", "della", "--density",
        "0.5",
      ],
      [
        "merge", "a.safetensors", "--base", "b.safetensors", "--method", "dare_ties", "--density",
        "0.5",
      ],
      ["prune", "a.safetensors", "--scope", "neuron"],
      ["vector", "extract", "a.safetensors", "--base", "b.safetensors", "--rank", "4"],
      ["convert", "a.safetensors", "--type", "int4"],
    ])
  func emptyRows(arguments: [String]) throws {
    let folder = try TemporaryFolder()
    for name in ["a.safetensors", "b.safetensors"] {
      try Self.write(shapes: [[0, 1 << 47], [1 << 47, 0]], to: folder, name)
    }
    let run = try CommandRun.sumac(
      arguments + ["-o", "x.sumac", "--memory", "64MiB"], in: folder.path)
    #expect(run.status == 0, "\(run.messages)")
  }

  @Test(
    "memory that grows with the length or the number of rows is refused before any work, with what it needs",
    arguments: [
      (
        [
          "merge", "row.safetensors", "--base", "row2.safetensors", "--method", "della",
          "--density", "0.5",
        ], true
      ),
      (["prune", "column.safetensors", "--scope", "neuron"], true),
      (["inspect", "column.safetensors", "--stats", "--neurons"], false),
    ])
  func giantRows(arguments: [String], writes: Bool) throws {
    let folder = try TemporaryFolder()
    try Self.write(shapes: [[1, 200_000_000]], to: folder, "row.safetensors")
    try Self.write(shapes: [[1, 200_000_000]], to: folder, "row2.safetensors")
    try Self.write(shapes: [[100_000_000, 1]], to: folder, "column.safetensors")
    let run = try Self.measured(
      arguments + ["--memory", "64MiB"] + (writes ? ["-o", "x.safetensors"] : []), in: folder)
    #expect(run.status == 64, "\(run.messages)")
    #expect(run.messages.contains("needs at least"), "\(run.messages)")
    #expect(run.peak < 64 << 20, "\(run.peak)")
    #expect(!folder.exists("x.safetensors"))
  }
}
