import Foundation
import Glibc
import TestSupport
import Testing

/// Tests with system calls that fail: each one that reads, lists or changes the disk fails once.
@Suite(.serialized) struct FailingCallTests {
  /// The path of the library that makes the n-th call fail, compiled once.
  static let library: Result<String, any Error> = Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "sumac-faults-\(getpid())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let path = folder.appendingPathComponent("failing_call.so").path
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Faults/failing_call.c").path
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    compiler.arguments = ["cc", "-shared", "-fPIC", "-O1", "-o", path, source, "-ldl"]
    try compiler.run()
    compiler.waitUntilExit()
    guard compiler.terminationStatus == 0 else { throw CocoaError(.executableNotLoadable) }
    return path
  }

  /// Runs the program with the library.
  private static func run(
    _ arguments: [String], in folder: TemporaryFolder, _ faults: [String: String]
  ) throws -> CommandRun {
    try CommandRun.sumac(
      arguments, in: folder.path,
      environment: faults.merging(["LD_PRELOAD": try library.get()]) { $1 })
  }

  /// Runs a command once for each of its calls, and makes that call fail.
  /// - Parameter check: Receives the number of the call and the run.
  private static func everyCall(
    of arguments: [String], in folder: TemporaryFolder,
    check: (Int, CommandRun) throws -> Void
  ) throws {
    let whole = try run(arguments, in: folder, ["FAIL_COUNT": folder["calls"]])
    #expect(whole.status == 0, "\(whole.messages)")
    let text = String(decoding: try folder.bytes("calls"), as: UTF8.self)
    let count = try #require(Int(text.trimmingCharacters(in: .newlines)))
    #expect(count > 40, "the library counts too few calls")
    try check(0, whole)
    var failures = 0
    for call in 1...count {
      let result = try run(arguments, in: folder, ["FAIL_AT": String(call)])
      if result.status != 0 { failures += 1 }
      #expect(result.status == 0 || result.status == 4, "call \(call): \(result.messages)")
      try check(call, result)
    }
    #expect(failures > 20, "too few failures were noticed")
  }

  private static func contents(_ folder: TemporaryFolder, _ name: String) throws -> [String:
    [UInt8]]
  {
    var isDirectory: ObjCBool = false
    guard
      unsafe FileManager.default.fileExists(atPath: folder[name], isDirectory: &isDirectory)
    else {
      return [:]
    }
    guard isDirectory.boolValue else { return [name: try folder.bytes(name)] }
    var files: [String: [UInt8]] = [:]
    for inner in try folder.names(in: name) { files[inner] = try folder.bytes("\(name)/\(inner)") }
    return files
  }

  /// Writes the files of an output as they were before.
  private static func restore(
    _ folder: TemporaryFolder, _ name: String, _ old: [String: [UInt8]]
  ) throws {
    try? FileManager.default.removeItem(atPath: folder[name])
    for (file, bytes) in old {
      try folder.write(bytes, to: file == name ? name : "\(name)/\(file)")
    }
  }

  @Test(
    "a failing call leaves the old output or the complete new one, and loses no file",
    arguments: FaultTests.outputs, [false, true])
  func conversions(name: String, replaces: Bool) throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    let arguments = ["convert", "base", "-q", "-j", "2", "--no-lineage", "-o", name]
    #expect(try CommandRun.sumac(arguments, in: folder.path).status == 0)
    let new = try Self.contents(folder, name)
    let made = try CommandRun.sumac(
      arguments + ["--force", "--dtype", "f32"], in: folder.path)
    #expect(made.status == 0, "\(made.messages)")
    let old = replaces ? try Self.contents(folder, name) : [:]
    #expect(old != new)
    try Self.restore(folder, name, old)
    let before = Set(try folder.names() + ["calls", name])
    try Self.everyCall(of: arguments + (replaces ? ["--force"] : []), in: folder) { call, result in
      let now = try Self.contents(folder, name)
      #expect(now == new || (result.status != 0 && now == old), "call \(call)")
      // The old folder may stay under a temporary name if it cannot be removed.
      let left = Set(try folder.names()).subtracting(before)
      #expect(left.isEmpty || (replaces && name == "out" && result.status == 0), "call \(call)")
      for other in left { try FileManager.default.removeItem(atPath: folder[other]) }
      if now != old { try Self.restore(folder, name, old) }
    }
  }

  @Test(
    "a failing call leaves no partial cache",
    arguments: [
      ("llamacpp", "out.seq"), ("vllm", "out"), ("lmcache", "out"), ("mlx", "out.safetensors"),
    ])
  func caches(layout: String, name: String) throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    let before = Set(try folder.names() + ["calls"])
    try Self.everyCall(
      of: ["cache", "convert", "prompt.safetensors", "-o", name, "--layout", layout, "-q", "-f"],
      in: folder
    ) { call, result in
      let left = Set(try folder.names()).subtracting(before)
      // The last call that can fail examines the complete output.
      #expect(left.isEmpty || left == [name], "call \(call): \(left)")
      #expect(result.status != 0 || left == [name], "call \(call)")
      try? FileManager.default.removeItem(atPath: folder[name])
    }
  }

  @Test(
    "a model and its masks appear together or not at all",
    arguments: [("out", "mask.safetensors"), ("out", "out/mask.safetensors")])
  func masks(name: String, mask: String) throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    let before = Set(try folder.names() + ["calls"])
    try Self.everyCall(
      of: [
        "prune", "base", "-o", name, "--save-mask", mask, "-q", "--by", "magnitude", "--amount",
        "50%", "--include", "*layers.0.mlp*",
      ], in: folder
    ) { call, result in
      #expect(folder.exists(name) == folder.exists(mask), "call \(call)")
      #expect(result.status != 0 || folder.exists(name), "call \(call)")
      let left = Set(try folder.names()).subtracting(before)
      #expect(left.isSubset(of: [name, mask]), "call \(call): \(left)")
      for other in left { try FileManager.default.removeItem(atPath: folder[other]) }
    }
  }

  @Test("an error in the middle of a folder is not its end")
  func listing() throws {
    let folder = try TemporaryFolder()
    for file in Fixtures.names(in: "models/base") {
      try folder.write(try Fixtures.bytes("models/base/\(file)"), to: "model/\(file)")
    }
    for number in 0..<40 { try folder.write([1], to: "model/note-\(number).txt") }
    var failures = 0
    // The folder is listed to recognize it, which decides nothing if it fails, and then to read it.
    for call in 1...110 {
      try? FileManager.default.removeItem(atPath: folder["out.sumac"])
      let result = try Self.run(
        ["convert", "model", "-o", "out.sumac", "-q", "-f"], in: folder,
        ["FAIL_CALL": "readdir", "FAIL_AT": String(call)])
      if result.messages.contains("model: cannot list: Input/output error") {
        #expect(result.status == 4 && !folder.exists("out.sumac"))
        failures += 1
      } else {
        #expect(result.status == 0 && folder.exists("out.sumac"), "call \(call)")
      }
    }
    #expect(failures > 40)
  }

  @Test("a folder is not replaced where two folders cannot be exchanged")
  func exchange() throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    #expect(
      try CommandRun.sumac(["convert", "base", "-o", "out", "-q"], in: folder.path).status == 0)
    let old = try Self.contents(folder, "out")
    let arguments = ["convert", "base", "-o", "out", "-q", "--dtype", "f32", "--force"]
    let before = try folder.names()
    let refused = try Self.run(arguments, in: folder, ["NO_EXCHANGE": "1"])
    #expect(refused.status == 4)
    #expect(refused.messages.contains("cannot exchange two folders"))
    #expect(try Self.contents(folder, "out") == old)
    #expect(try folder.names() == before)
    // A new folder, and a file that is replaced, need no exchange.
    for output in ["new", "one.safetensors", "one.safetensors"] {
      let written = try Self.run(
        ["convert", "base", "-o", output, "-q", "--force"], in: folder, ["NO_EXCHANGE": "1"])
      #expect(written.status == 0, "\(written.messages)")
    }
  }

  @Test("an old folder that cannot be removed is a warning")
  func undeletable() throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    #expect(
      try CommandRun.sumac(["convert", "base", "-o", "out", "-q"], in: folder.path).status == 0)
    let result = try Self.run(
      ["convert", "base", "-o", "out", "--dtype", "f32", "--force"], in: folder,
      ["FAIL_CALL": "unlink", "FAIL_AT": "1"])
    #expect(result.status == 0)
    #expect(result.messages.contains("warning: out is complete, but the old one cannot be removed"))
    let doctor = try CommandRun.sumac(["doctor", "--clean", "."], in: folder.path)
    #expect(doctor.output.contains("removed"))
    #expect(try folder.names().filter { $0.hasPrefix("out") } == ["out"])
  }
}
