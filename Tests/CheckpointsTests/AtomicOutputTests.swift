import Base
import Checkpoints
import SystemPackage
import TensorCore
import TestSupport
import Testing

@Suite struct AtomicOutputTests {
  struct Failure: Error {}

  @Test("only the file exists after its body has returned")
  func file() throws {
    let folder = try TemporaryFolder()
    try AtomicOutput(path: folder["x"], replacesExisting: false).writeFile { file in
      try file.write([1, 2, 3].rawSpan, at: 0)
      #expect(!folder.exists("x"))
    }
    #expect(try folder.bytes("x") == [1, 2, 3])
    #expect(try folder.names() == ["x"])
  }

  @Test(
    "if the body fails, the old output is intact and no partial output remains",
    arguments: [false, true])
  func failure(isDirectory: Bool) throws {
    let folder = try TemporaryFolder()
    try folder.write([7], to: isDirectory ? "x/config.json" : "x")
    let output = AtomicOutput(path: folder["x"], replacesExisting: true)
    #expect(throws: Failure.self) {
      if isDirectory {
        try output.writeDirectory { staged in
          try staged.writeFile("config.json") { try $0.write([1].rawSpan, at: 0) }
          throw Failure()
        }
      } else {
        try output.writeFile { _ in throw Failure() }
      }
    }
    #expect(try folder.names() == ["x"])
    #expect(try folder.bytes(isDirectory ? "x/config.json" : "x") == [7])
  }

  @Test("an output that another process creates meanwhile is not replaced")
  func race() throws {
    let folder = try TemporaryFolder()
    let output = AtomicOutput(path: folder["x"], replacesExisting: false)
    #expect(throws: OutputExistsError.self) {
      try output.writeFile { file in
        try file.write([1].rawSpan, at: 0)
        try folder.write([9], to: "x")
      }
    }
    #expect(try folder.bytes("x") == [9])
    #expect(try folder.names() == ["x"])
  }

  @Test("a folder is replaced as a whole and the old one removed")
  func exchange() throws {
    let folder = try TemporaryFolder()
    try folder.write([7], to: "x/old.safetensors")
    try AtomicOutput(path: folder["x"] + "/", replacesExisting: true).writeDirectory { staged in
      try staged.writeFile("a/b/new.txt") { try $0.write([1].rawSpan, at: 0) }
    }
    #expect(try folder.names() == ["x"])
    #expect(try folder.names(in: "x") == ["a"])
  }

  @Test("a folder without a model is never replaced")
  func precious() throws {
    let folder = try TemporaryFolder()
    try folder.write([7], to: "home/thesis.txt")
    let output = AtomicOutput(path: folder["home"], replacesExisting: true)
    #expect(throws: OutputExistsError.self) { try output.check(isDirectory: true) }
  }

  @Test(
    "a folder with a model or a cache is replaced",
    arguments: ["model.safetensors", "model.safetensors.index.json", "chunk.pt.meta"])
  func replaceable(name: String) throws {
    let folder = try TemporaryFolder()
    try folder.write([7], to: "x/\(name)")
    let output = AtomicOutput(path: folder["x"], replacesExisting: true)
    #expect(throws: Never.self) { try output.check(isDirectory: true) }
  }

  @Test("errors that are known before the work are thrown by the check")
  func checks() throws {
    let folder = try TemporaryFolder()
    try folder.write([7], to: "x")
    func check(_ name: String, force: Bool, isDirectory: Bool = false, inputs: [FileIdentity] = [])
      throws
    {
      try AtomicOutput(path: folder[name], replacesExisting: force, inputs: inputs)
        .check(isDirectory: isDirectory)
    }
    #expect(throws: OutputExistsError.self) { try check("x", force: false) }
    #expect(throws: Never.self) { try check("x", force: true) }
    #expect(throws: OutputExistsError.self) { try check("x", force: true, isDirectory: true) }
    #expect(throws: FileError.self) { try check("none/x", force: false) }
    let identity = try #require(try FileIdentity.ifPresent(folder["x"]))
    #expect(throws: UsageError.self) { try check("x", force: true, inputs: [identity]) }
  }
}
