import Base
import Foundation
import Glibc
import Packing
import TestSupport
import Testing

/// Tests of full disks, signals and kills: the old output stays whole, or the new one is complete.
@Suite(.serialized) struct FaultTests {
  static let outputs = ["out.sumac", "out.safetensors", "out"]

  private func isWhole(_ workspace: Workspace, _ name: String) throws -> Bool {
    try CommandRun.sumac(
      ["verify", name, "--against", "base", "-q"], in: workspace.folder.path
    ).status == 0
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

  static let signals = [
    SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGTERM, SIGXFSZ,
  ]

  @Test("signals end with 128 and their number and leave no output", arguments: signals)
  func interrupted(signal: Int32) throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    try LargeFile.write(to: folder["in.safetensors"], tensors: 24, columns: 1 << 20)
    var seen = 0
    for _ in 0..<5 {
      let process = try start("out.sumac", in: folder)
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      #expect(process.terminationReason == .exit, "died by the signal")
      if process.terminationStatus == 128 + signal {
        seen += 1
        #expect(try folder.names().filter { $0.hasPrefix("out") }.isEmpty)
      }
      try? FileManager.default.removeItem(atPath: folder["out.sumac"])
    }
    #expect(seen > 0)
  }

  /// Starts a conversion of `in.safetensors` and waits until it writes.
  private func start(_ name: String, in folder: TemporaryFolder) throws -> Process {
    let process = CommandRun.process(
      ["convert", "in.safetensors", "-o", name, "-q", "-j", "1"], in: folder.path)
    process.standardError = FileHandle.nullDevice
    try process.run()
    while process.isRunning, !(try folder.names().contains { $0.contains(".partial-") }) {
      usleep(500)
    }
    return process
  }

  @Test(
    "an output that a killed run left is reported by the next run and removed by doctor",
    arguments: ["out.sumac", "out"])
  func abandoned(name: String) throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    try LargeFile.write(to: folder["in.safetensors"], tensors: 24, columns: 1 << 20)
    func partials() throws -> [String] {
      try folder.names().filter { $0.hasPrefix(name + ".partial-") }
    }
    for _ in 0..<20 where try partials().isEmpty {
      let process = try start(name, in: folder)
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      try? FileManager.default.removeItem(atPath: folder[name])
    }
    let left = try #require(try partials().first)
    // Another run does not use the name, and warns about it.
    let next = try CommandRun.sumac(["convert", "base", "-o", name], in: folder.path)
    #expect(next.status == 0)
    #expect(next.messages.contains(left) && next.messages.contains("sumac doctor --clean"))
    #expect(try partials() == [left])
    let doctor = try CommandRun.sumac(["doctor", "--clean", "."], in: folder.path)
    #expect(doctor.status == 0)
    #expect(doctor.output.contains(left) && doctor.output.contains("removed"))
    #expect(try partials().isEmpty)
    #expect(try isWhole(workspace, name))
  }

  @Test("doctor leaves the output of a run that is still alive")
  func alive() throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    try LargeFile.write(to: folder["in.safetensors"], tensors: 60, columns: 1 << 20)
    let process = try start("out.sumac", in: folder)
    // The lock is taken right after the file is created, before the first byte is written.
    func hasBytes() throws -> Bool {
      let names = try folder.names().filter { $0.hasPrefix("out.sumac.partial-") }
      return names.contains { (try? FileSystem.byteCount(ofTree: folder[$0])) ?? 0 > 0 }
    }
    while process.isRunning, try !hasBytes() { usleep(500) }
    kill(process.processIdentifier, SIGSTOP)
    let isWriting = try folder.names().contains { $0.hasPrefix("out.sumac.partial-") }
    let doctor = try CommandRun.sumac(["doctor", "--clean", "."], in: folder.path)
    kill(process.processIdentifier, SIGCONT)
    process.waitUntilExit()
    #expect(isWriting && doctor.output.contains("in use"), "\(doctor.output)")
    #expect(process.terminationStatus == 0)
    let check = try CommandRun.sumac(
      ["verify", "out.sumac", "--against", "in.safetensors", "-q"], in: folder.path)
    #expect(check.status == 0)
  }

  /// True if this process may create process namespaces.
  static let canUnshare: Bool = {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["unshare", "--pid", "--fork", "true"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }()

  @Test(
    "writers with the same process number in two namespaces leave a whole output",
    .enabled(if: canUnshare, "needs permission to create process namespaces"),
    arguments: outputs)
  func namespaces(name: String) throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    let command = "unshare --pid --fork --kill-child \"$SUMAC\" convert base -o \(name) -q --force"
    for round in 0..<12 {
      // The second writer starts later, and is killed in every other round.
      let second = round % 2 == 0 ? "timeout -s KILL 0.0\(round + 1) \(command)" : command
      let status = try shell(
        "\(command) & first=$!; sleep 0.0\(round % 5); \(second) & wait $first; status=$?; wait; exit $status",
        in: folder)
      #expect(status == 0, "round \(round)")
      #expect(try isWhole(workspace, name), "round \(round)")
    }
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

  /// Runs a command line in a shell, where `$SUMAC` is the program.
  private func shell(_ text: String, in folder: TemporaryFolder) throws -> Int32 {
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/bin/bash")
    shell.arguments = ["-c", text]
    shell.environment = ["PATH": "/usr/bin:/bin", "SUMAC": CommandRun.program]
    shell.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    shell.standardError = FileHandle.nullDevice
    shell.standardOutput = FileHandle.nullDevice
    try shell.run()
    shell.waitUntilExit()
    return shell.terminationStatus
  }

  // The outputs into pipes are longer than the buffer of a pipe.
  @Test(
    "closed standard streams and a reader that goes away are noticed",
    arguments: [
      ("\"$SUMAC\" inspect base >&-", 4), ("\"$SUMAC\" convert base -o - >&-", 4),
      ("\"$SUMAC\" inspect - <&-", 4),
      ("\"$SUMAC\" inspect --json {base,base,base}/{,,,} | true; exit ${PIPESTATUS[0]}", 141),
      ("\"$SUMAC\" convert base -o - | true; exit ${PIPESTATUS[0]}", 141),
    ] as [(String, Int32)])
  func standardStreams(command: String, status: Int32) throws {
    let workspace = try Workspace()
    #expect(try shell(command, in: workspace.folder) == status)
  }

  @Test("standard input of an unknown format is refused before it is copied")
  func unknownInput() throws {
    let workspace = try Workspace()
    // The input never ends.
    let status = try shell("yes | timeout 60 \"$SUMAC\" inspect -", in: workspace.folder)
    #expect(status == 3)
  }

  @Test("a failed write of a report is an error")
  func fullOutput() throws {
    let workspace = try Workspace()
    let result = try CommandRun.sumac(
      ["inspect", "base", "-o", "/dev/full"], in: workspace.folder.path)
    #expect(result.status == 4)
  }
}
