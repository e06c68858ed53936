import Foundation
import Glibc
import Packing
import TestSupport
import Testing

/// Tests of full disks, failing calls and kills: the old output stays whole, or the new one is complete.
@Suite(.serialized) struct FaultTests {
  /// The path of the library that makes the n-th call fail, compiled once.
  static let library: Result<String, any Error> = Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "sumac-faults-\(getpid())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let path = folder.appendingPathComponent("failing_write.so").path
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Faults/failing_write.c").path
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    compiler.arguments = ["cc", "-shared", "-fPIC", "-O1", "-o", path, source, "-ldl"]
    try compiler.run()
    compiler.waitUntilExit()
    guard compiler.terminationStatus == 0 else { throw CocoaError(.executableNotLoadable) }
    return path
  }

  static let outputs = ["out.sumac", "out.safetensors", "out"]

  /// Writes an old output and returns the bytes of its files.
  private func prepare(_ workspace: Workspace, _ name: String) throws -> [String: [UInt8]] {
    let made = try CommandRun.sumac(
      ["convert", "base", "-o", name, "-q", "--dtype", "f32", "--no-lineage"],
      in: workspace.folder.path)
    #expect(made.status == 0, "\(made.messages)")
    return try contents(workspace.folder, name)
  }

  private func contents(_ folder: TemporaryFolder, _ name: String) throws -> [String: [UInt8]] {
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

  @Test(
    "a failing call leaves no partial cache",
    arguments: [
      ("llamacpp", "out.seq"), ("vllm", "out"), ("lmcache", "out"), ("mlx", "out.safetensors"),
    ])
  func everyCallOfCaches(layout: String, name: String) throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    let before = Set(try folder.names() + ["calls"])
    var failures = 0
    for call in 1...10_000 {
      let result = try CommandRun.sumac(
        ["cache", "convert", "prompt.safetensors", "-o", name, "--layout", layout, "-q", "-f"],
        in: folder.path,
        environment: [
          "LD_PRELOAD": try Self.library.get(), "FAIL_AT": String(call),
          "FAIL_COUNT": folder["calls"],
        ])
      guard result.status != 0 else { break }
      failures += 1
      #expect(result.status == 4, "call \(call): \(result.messages)")
      let left = Set(try folder.names()).subtracting(before)
      // If only the last sync fails, the complete output is in place.
      #expect(left.isEmpty || left == [name], "call \(call): \(left)")
      if left == [name] { try FileManager.default.removeItem(atPath: folder[name]) }
    }
    #expect(failures >= 4, "the library counted no calls")
    #expect(folder.exists(name))
  }

  @Test(
    "a failing call leaves the old output or the complete new one", arguments: outputs,
    [false, true])
  func everyCall(name: String, replaces: Bool) throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    let old = replaces ? try prepare(workspace, name) : [:]
    let arguments =
      ["convert", "base", "-o", name, "-q", "-j", "2"] + (replaces ? ["--force"] : [])
    func run(failingAt call: Int) throws -> CommandRun {
      try CommandRun.sumac(
        arguments, in: folder.path,
        environment: [
          "LD_PRELOAD": try Self.library.get(), "FAIL_AT": String(call),
          "FAIL_COUNT": folder["calls"],
        ])
    }
    // If only the last sync of the folder fails, the complete output is in place.
    let before = Set(try folder.names() + ["calls", name])
    var failures = 0
    for call in 1...10_000 {
      let result = try run(failingAt: call)
      guard result.status != 0 else { break }
      failures += 1
      #expect(result.status == 4, "call \(call): \(result.messages)")
      #expect(Set(try folder.names()).subtracting(before).isEmpty, "call \(call)")
      // After the exchange, the complete new output is in place; the folder may not be synced and the old
      // output not removed.
      let now = try contents(folder, name)
      if now != old { #expect(try isWhole(workspace, name), "call \(call)") }
      if now != old { try restore(folder, name, old) }
    }
    #expect(failures >= 4, "the library counted no calls")
    #expect(try isWhole(workspace, name))
  }

  private func isWhole(_ workspace: Workspace, _ name: String) throws -> Bool {
    try CommandRun.sumac(
      ["verify", name, "--against", "base", "-q"], in: workspace.folder.path
    ).status == 0
  }

  private func restore(_ folder: TemporaryFolder, _ name: String, _ old: [String: [UInt8]]) throws {
    try FileManager.default.removeItem(atPath: folder[name])
    for (file, bytes) in old {
      try folder.write(bytes, to: file == name ? name : "\(name)/\(file)")
    }
  }

  @Test("a kill at any moment leaves the old output or the complete new one", arguments: outputs)
  func kills(name: String) throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    // Large enough that kills occur during reading, encoding, writing and renaming.
    try LargeFile.write(to: folder["in.safetensors"], tensors: 3, columns: 1 << 20)
    let arguments = ["convert", "in.safetensors", "-o", name, "-q", "--force", "-j", "2"]
    let start = Date()
    #expect(try CommandRun.sumac(arguments, in: folder.path).status == 0)
    // The first run may be slower than later ones, so the moments of the kills adapt to runs that end before them.
    var duration = Date().timeIntervalSince(start)
    var random = SeededGenerator(seed: 5)
    var killed = 0
    for round in 0..<400 where round < 67 || killed < 20 {
      // Every third round starts without an old output.
      if round % 3 == 0 { try? FileManager.default.removeItem(atPath: folder[name]) }
      let hadOld = folder.exists(name)
      let process = CommandRun.process(arguments, in: folder.path)
      process.standardError = FileHandle.nullDevice
      try process.run()
      usleep(UInt32(Double.random(in: 0...1.1, using: &random) * duration * 1e6))
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      if process.terminationReason == .uncaughtSignal {
        killed += 1
      } else {
        duration *= 0.95
      }
      if FileManager.default.fileExists(atPath: folder[name]) {
        let check = try CommandRun.sumac(
          ["verify", name, "--against", "in.safetensors", "-q"], in: folder.path)
        #expect(check.status == 0, "round \(round): \(check.output)\(check.messages)")
      } else {
        #expect(!hadOld, "round \(round): the old output is gone")
      }
      for left in try folder.names() where left.contains(".partial-") {
        try FileManager.default.removeItem(atPath: folder[left])
      }
    }
    #expect(killed >= 20)
  }

  @Test(
    "SIGINT and SIGTERM end with their status and leave no output", arguments: [SIGINT, SIGTERM])
  func interrupted(signal: Int32) throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    try LargeFile.write(to: folder["in.safetensors"], tensors: 24, columns: 1 << 20)
    var seen = 0
    for _ in 0..<5 {
      let process = CommandRun.process(
        ["convert", "in.safetensors", "-o", "out.sumac", "-j", "1"], in: folder.path)
      process.standardError = FileHandle.nullDevice
      try process.run()
      // Wait until the work has started.
      while process.isRunning, !(try folder.names().contains { $0.contains(".partial-") }) {
        usleep(500)
      }
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      if process.terminationStatus == 128 + signal {
        seen += 1
        #expect(try folder.names().filter { $0.hasPrefix("out") }.isEmpty)
      }
      try? FileManager.default.removeItem(atPath: folder["out.sumac"])
    }
    #expect(seen > 0)
  }

  /// True if this process may mount a file system, which the test of a full disk needs.
  static let canMount: Bool = {
    guard let folder = try? TemporaryFolder(),
      unsafe mount("tmpfs", folder.path, "tmpfs", 0, "size=1m") == 0
    else { return false }
    return unsafe umount(folder.path) == 0
  }()

  @Test(
    "a full disk is reported and the old output stays",
    .enabled(if: canMount, "needs permission to mount a file system"),
    arguments: outputs)
  func fullDisk(name: String) throws {
    let workspace = try Workspace()
    let disk = workspace.folder["disk"]
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: false)
    try #require(unsafe mount("tmpfs", disk, "tmpfs", 0, "size=1m") == 0)
    defer { _ = unsafe umount(disk) }
    try workspace.folder.write([1, 2, 3], to: "disk/old.safetensors")
    let result = try CommandRun.sumac(
      ["convert", "base", "-o", "disk/\(name)", "--dtype", "f32"], in: workspace.folder.path)
    #expect(result.status == 4)
    #expect(result.messages.contains("No space left") || result.messages.contains("are free"))
    #expect(try workspace.folder.names(in: "disk") == ["old.safetensors"])
  }

  @Test("a folder that is not writable is reported before the work starts")
  func readOnly() throws {
    let workspace = try Workspace()
    let result = try CommandRun.sumac(
      ["convert", "base", "-o", "/proc/x.sumac"], in: workspace.folder.path)
    #expect(result.status == 4)
  }

  @Test("messages are not written to the output if standard error is closed")
  func closedDescriptors() throws {
    let workspace = try Workspace()
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/bin/sh")
    shell.arguments = [
      "-c", "'\(CommandRun.program)' convert base -o x.sumac --progress jsonl <&- >&- 2>&-",
    ]
    shell.currentDirectoryURL = URL(fileURLWithPath: workspace.folder.path)
    try shell.run()
    shell.waitUntilExit()
    #expect(shell.terminationStatus == 0)
    #expect(try isWhole(workspace, "x.sumac"))
  }

  @Test("a failed write of a report is an error")
  func fullOutput() throws {
    let workspace = try Workspace()
    let result = try CommandRun.sumac(
      ["inspect", "base", "-o", "/dev/full"], in: workspace.folder.path)
    #expect(result.status == 4)
  }
}
