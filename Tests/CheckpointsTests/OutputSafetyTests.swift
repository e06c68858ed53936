import Base
import Checkpoints
import Foundation
import Glibc
import Synchronization
import SystemPackage
import TensorCore
import TestSupport
import Testing

/// Tests of outputs that several writers, changing inputs and killed writers could damage.
@Suite struct OutputSafetyTests {
  private static let left = "x.partial-0123456789abcdef"

  private func permissions(_ path: String) throws -> UInt32 {
    try FilePath(path).stat().permissions.rawValue
  }

  private func setPermissions(_ permissions: UInt32, _ path: String) throws {
    try #require(unsafe chmod(path, permissions) == 0)
  }

  // MARK: Several writers

  @Test("two writers of one process, and so with one number, do not disturb each other")
  func sameProcess() throws {
    let folder = try TemporaryFolder()
    let output = AtomicOutput(path: folder["x"], replacesExisting: true)
    try output.writeFile { first in
      try first.write([1, 1].rawSpan, at: 0)
      try output.writeFile { second in
        #expect(first.path != second.path)
        try second.write([2].rawSpan, at: 0)
      }
      #expect(try folder.bytes("x") == [2])
    }
    #expect(try folder.bytes("x") == [1, 1])
    #expect(try folder.names() == ["x"])
  }

  @Test("only the own temporary file gets the name of the output", arguments: [false, true])
  func foreign(isReplaced: Bool) throws {
    let folder = try TemporaryFolder()
    var partial = ""
    #expect(throws: FileError.self) {
      try AtomicOutput(path: folder["x"], replacesExisting: true).writeFile { file in
        partial = FileSystem.baseName(of: file.path)
        try FileManager.default.removeItem(atPath: file.path)
        if isReplaced { try folder.write([9], to: partial) }
      }
    }
    #expect(try folder.names() == (isReplaced ? [partial] : []))
  }

  @Test(
    "names of 255 bytes are written",
    arguments: [
      String(repeating: "x", count: 255), String(repeating: "é", count: 127) + "x",
      String(repeating: "漢", count: 85),
    ], [false, true])
  func longNames(name: String, isDirectory: Bool) throws {
    let folder = try TemporaryFolder()
    let output = AtomicOutput(path: folder[name], replacesExisting: false)
    try output.check(isDirectory: isDirectory)
    if isDirectory {
      try output.writeDirectory { try $0.writeFile("a") { try $0.write([1].rawSpan, at: 0) } }
    } else {
      try output.writeFile { file in
        #expect(FileSystem.baseName(of: file.path).utf8.count <= 255)
        try file.write([1].rawSpan, at: 0)
      }
    }
    #expect(try folder.names() == [name])
  }

  // MARK: Abandoned outputs

  @Test("a temporary file is in use while its writer lives", arguments: [false, true])
  func inUse(isDirectory: Bool) throws {
    let folder = try TemporaryFolder()
    let output = AtomicOutput(path: folder["x"], replacesExisting: false)
    func check() throws {
      let entries = try AbandonedOutputs.remove(in: folder.path)
      #expect(entries.map(\.state) == [.inUse])
      #expect(try AbandonedOutputs.entries(in: folder.path, of: "x") == entries)
      #expect(try AbandonedOutputs.entries(in: folder.path, of: "y").isEmpty)
    }
    if isDirectory {
      try output.writeDirectory { _ in try check() }
    } else {
      try output.writeFile { _ in try check() }
    }
    #expect(try folder.names() == ["x"])
  }

  /// Runs `body` while other threads remove abandoned outputs over and over.
  private static func whileCleaning(_ folder: TemporaryFolder, _ body: () throws -> Void) throws {
    let isDone = Mutex(false)
    let failures = Mutex<[String]>([])
    let path = folder.path
    let threads = (0..<2).map { _ in
      Thread {
        while !isDone.withLock({ $0 }) {
          do { _ = try AbandonedOutputs.remove(in: path) } catch {
            failures.withLock { $0.append("\(error)") }
          }
        }
      }
    }
    for thread in threads { thread.start() }
    defer {
      isDone.withLock { $0 = true }
      while threads.contains(where: { !$0.isFinished }) { Thread.sleep(forTimeInterval: 0.001) }
    }
    try body()
    #expect(failures.withLock { $0 } == [])
  }

  @Test(
    "removing abandoned outputs never disturbs a writer, not even before it has its lock",
    arguments: [false, true])
  func cleaningBesideWriters(isDirectory: Bool) throws {
    let folder = try TemporaryFolder()
    try Self.whileCleaning(folder) {
      for number in 0..<80 {
        let output = AtomicOutput(path: folder["x\(number)"], replacesExisting: false)
        if isDirectory {
          try output.writeDirectory { try $0.writeFile("a") { try $0.write([1].rawSpan, at: 0) } }
        } else {
          try output.writeFile { try $0.write([1].rawSpan, at: 0) }
        }
      }
    }
    #expect(try folder.names().count == 80)
  }

  @Test("an old output that comes back when the commit fails is not removed as abandoned")
  func cleaningBesideCommit() throws {
    let folder = try TemporaryFolder()
    try folder.write([7], to: "old/model.safetensors")
    try folder.write([8], to: "present")
    try Self.whileCleaning(folder) {
      for _ in 0..<80 {
        let group = OutputGroup()
        var first = AtomicOutput(path: folder["old"], replacesExisting: true)
        var second = AtomicOutput(path: folder["present"], replacesExisting: false)
        (first.group, second.group) = (group, group)
        try first.writeDirectory { try $0.writeFile("new") { try $0.write([1].rawSpan, at: 0) } }
        try second.writeFile { try $0.write([2].rawSpan, at: 0) }
        #expect(throws: OutputExistsError.self) { try group.commit() }
        guard folder.exists("old/model.safetensors") else { break }
      }
    }
    #expect(folder.exists("old/model.safetensors") && !folder.exists("old/new"))
  }

  @Test("only files and folders with the form of a temporary name are removed")
  func removal() throws {
    let folder = try TemporaryFolder()
    let kept = [
      "x.partial-12345", "x.partial-0123456789abcdeg", "x.partial-0123456789ABCDEF",
      "notes.partial-2", "x.partial-0123456789abcdef.txt",
    ]
    for name in kept + [Self.left, "y.partial-fedcba9876543210/config.json"] {
      try folder.write([1], to: name)
    }
    let entries = try AbandonedOutputs.remove(in: folder.path)
    #expect(entries.map(\.name) == [Self.left, "y.partial-fedcba9876543210"])
    #expect(entries.allSatisfy { $0.state == .abandoned })
    #expect(try folder.names() == kept.sorted())
  }

  // MARK: Inputs

  /// A change of an input of four bytes while it is read.
  enum Change: CaseIterable {
    case appended, overwritten, replaced, removed

    func apply(_ folder: TemporaryFolder) throws {
      let path = folder["in"]
      switch self {
      case .appended: try folder.write([1, 2, 3, 4, 5], to: "in")
      case .overwritten:
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.write(contentsOf: [9])
        try handle.close()
        // The size and the time of the last change are as before.
        try FileManager.default.setAttributes(
          [.modificationDate: attributes[.modificationDate] ?? Date()], ofItemAtPath: path)
      case .replaced:
        try folder.write([1, 2, 3, 4], to: "new")
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: folder["new"], toPath: path)
      case .removed: try FileManager.default.removeItem(atPath: path)
      }
    }
  }

  @Test("an output does not appear if an input changed meanwhile", arguments: Change.allCases)
  func changedInput(change: Change) throws {
    let folder = try TemporaryFolder()
    try folder.write([1, 2, 3, 4], to: "in")
    try folder.write([7], to: "x")
    let input = try InputFile(path: folder["in"])
    // Times of files advance in steps of some milliseconds.
    Thread.sleep(forTimeInterval: 0.05)
    let output = AtomicOutput(
      path: folder["x"], replacesExisting: true, inputs: [input.identity])
    #expect(throws: ChangedInputError(path: folder["in"])) {
      try output.writeFile { _ in try change.apply(folder) }
    }
    #expect(try folder.bytes("x") == [7])
    #expect(try folder.names() == (change == .removed ? ["x"] : ["in", "x"]))
  }

  @Test("an input that is only read, or whose folder changes, does not count as changed")
  func sameInput() throws {
    let folder = try TemporaryFolder()
    try folder.write([1, 2, 3, 4], to: "in")
    let input = try InputFile(path: folder["in"])
    let parent = try #require(try FileIdentity.ifPresent(folder.path))
    Thread.sleep(forTimeInterval: 0.05)
    let output = AtomicOutput(
      path: folder["x"], replacesExisting: false, inputs: [input.identity, parent])
    try output.writeFile { _ in
      _ = try input.bytes(at: 0, count: 4)
      try folder.write([1], to: "other")
    }
    #expect(try folder.names() == ["in", "other", "x"])
  }

  // MARK: Permissions

  @Test(
    "an output has the permissions that all inputs have in common, and none that a replaced one lacks",
    arguments: [
      ([0o644], nil, 0o644), ([0o600], nil, 0o600), ([0o400], nil, 0o400),
      ([0o644, 0o600], nil, 0o600), ([0o644], 0o600, 0o600), ([0o600], 0o644, 0o600),
    ] as [([UInt32], UInt32?, UInt32)])
  func filePermissions(inputs: [UInt32], old: UInt32?, expected: UInt32) throws {
    let folder = try TemporaryFolder()
    var identities: [FileIdentity] = []
    for (number, mode) in inputs.enumerated() {
      try folder.write([1], to: "in-\(number)")
      try setPermissions(mode, folder["in-\(number)"])
      identities.append(try InputFile(path: folder["in-\(number)"]).identity)
    }
    if let old {
      try folder.write([7], to: "x")
      try setPermissions(old, folder["x"])
    }
    try AtomicOutput(path: folder["x"], replacesExisting: true, inputs: identities)
      .writeFile { _ in }
    #expect(try permissions(folder["x"]) == expected)
  }

  @Test("a folder and its files have the permissions of the input and of what they replace")
  func folderPermissions() throws {
    let folder = try TemporaryFolder()
    try folder.write([1], to: "in/a")
    try setPermissions(0o700, folder["in"])
    let inputs = [
      try InputFile(path: folder["in/a"]).identity,
      try #require(try FileIdentity.ifPresent(folder["in"])),
    ]
    func write() throws {
      try AtomicOutput(path: folder["x"], replacesExisting: true, inputs: inputs)
        .writeDirectory { staged in
          for name in ["a.safetensors", "sub/b"] { try staged.writeFile(name) { _ in } }
        }
    }
    try write()
    #expect(try permissions(folder["x"]) == 0o700)
    #expect(try permissions(folder["x/sub"]) == 0o700)
    #expect(try permissions(folder["x/a.safetensors"]) == 0o644)
    try setPermissions(0o600, folder["x/a.safetensors"])
    try write()
    #expect(try permissions(folder["x/a.safetensors"]) == 0o600)
    #expect(try permissions(folder["x/sub/b"]) == 0o644)
  }

  // MARK: Groups

  @Test("outputs of a group appear together", arguments: [false, true])
  func group(replaces: Bool) throws {
    let folder = try TemporaryFolder()
    if replaces { for name in ["x", "y"] { try folder.write([7], to: name) } }
    let group = OutputGroup()
    for (name, byte) in [("x", 1), ("y", 2)] as [(String, UInt8)] {
      var output = AtomicOutput(path: folder[name], replacesExisting: true)
      output.group = group
      try output.writeFile { try $0.write([byte].rawSpan, at: 0) }
      #expect(folder.exists(name) == replaces)
    }
    #expect(try group.commit().isEmpty)
    #expect(try folder.names() == ["x", "y"])
    #expect(try folder.bytes("x") == [1] && folder.bytes("y") == [2])
  }

  @Test("if one output of a group cannot appear, none does", arguments: [false, true])
  func failedGroup(replaces: Bool) throws {
    let folder = try TemporaryFolder()
    if replaces { try folder.write([7], to: "x") }
    let group = OutputGroup()
    for name in ["x", "y"] {
      var output = AtomicOutput(path: folder[name], replacesExisting: name == "x")
      output.group = group
      try output.writeFile { try $0.write([1].rawSpan, at: 0) }
    }
    try folder.write([9], to: "y")
    #expect(throws: OutputExistsError.self) { try group.commit() }
    #expect(try folder.names() == (replaces ? ["x", "y"] : ["y"]))
    #expect(try folder.bytes("y") == [9])
    if replaces { #expect(try folder.bytes("x") == [7]) }
  }

  @Test("a discarded group leaves nothing")
  func discarded() throws {
    let folder = try TemporaryFolder()
    let group = OutputGroup()
    var output = AtomicOutput(path: folder["x"], replacesExisting: false)
    output.group = group
    try output.writeDirectory { try $0.writeFile("a") { _ in } }
    group.discard()
    #expect(try folder.names().isEmpty)
  }
}
