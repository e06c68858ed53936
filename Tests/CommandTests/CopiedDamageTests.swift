import TestSupport
import Testing

/// Tests of damaged `.sumac` inputs whose chunks are copied without decoding.
@Suite struct CopiedDamageTests {
  /// Writes a file with one changed bit, and removes the original.
  private func damage(_ folder: TemporaryFolder, _ name: String, at byteOffset: Int) throws {
    var bytes = try folder.bytes(name)
    bytes[byteOffset] ^= 8
    try folder.write(bytes, to: "bad.sumac")
  }

  private func expectRefusal(_ arguments: [String], in folder: TemporaryFolder) throws {
    let before = try folder.names()
    let run = try CommandRun.sumac(arguments, in: folder.path)
    #expect(run.status == 3, "\(arguments): \(run.messages)")
    #expect(run.messages.contains("sumac.chunk-checksum"), "\(run.messages)")
    #expect(run.messages.contains("bad.sumac: tensor '"), "\(run.messages)")
    #expect(run.messages.contains("' at byte "), "\(run.messages)")
    #expect(try folder.names() == before, "\(arguments)")
  }

  @Test("a changed bit ends every copy of a model", arguments: [100_000, 900_000])
  func models(byteOffset: Int) throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    for sealed in [[], ["--sealed"]] {
      let made = try CommandRun.sumac(
        ["convert", "base", "-o", "x.sumac", "-q", "-f"] + sealed, in: folder.path)
      #expect(made.status == 0, "\(made.messages)")
      try damage(folder, "x.sumac", at: byteOffset)
      try folder.write(
        Array("merge_method: passthrough\nmodels:\n  - model: bad.sumac\n".utf8), to: "p.yaml")
      for arguments in [
        ["convert", "bad.sumac", "-o", "o.sumac"],
        ["convert", "bad.sumac", "-o", "o.sumac", "--sealed"],
        ["convert", "bad.sumac", "-o", "o.sumac", "--sealed", "-j", "1", "--memory", "32MiB"],
        ["convert", "bad.sumac", "-o", "-"],
        ["convert", "bad.sumac", "-o", "o"],
        ["rope", "scale", "bad.sumac", "--method", "yarn", "--factor", "4", "-o", "o.sumac"],
        ["merge", "--recipe", "p.yaml", "-o", "o.sumac"],
      ] { try expectRefusal(arguments, in: folder) }
    }
  }

  @Test("a changed bit ends the extension of a cache", arguments: [2000, 20_000, 60_000])
  func caches(byteOffset: Int) throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    let made = try CommandRun.sumac(
      ["cache", "pack", "prompt.safetensors", "-o", "x.sumac", "-q"], in: folder.path)
    #expect(made.status == 0, "\(made.messages)")
    try damage(folder, "x.sumac", at: byteOffset)
    try expectRefusal(
      ["cache", "append", "bad.sumac", "prompt.safetensors", "-o", "o.sumac"], in: folder)
  }

  @Test("a copy of an undamaged file has the same chunks, in one piece and sealed")
  func copies() throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    for arguments in [
      ["convert", "base", "-o", "x.sumac", "-q"],
      ["convert", "base", "-o", "sealed.sumac", "-q", "--sealed", "--no-lineage"],
      ["convert", "x.sumac", "-o", "copy.sumac", "-q", "-j", "1", "--no-lineage"],
      ["convert", "x.sumac", "-o", "many.sumac", "-q", "-j", "4", "--no-lineage"],
      ["convert", "x.sumac", "-o", "sealed2.sumac", "-q", "--sealed", "--no-lineage"],
      ["verify", "copy.sumac", "sealed2.sumac", "-q"],
      ["verify", "copy.sumac", "--against", "base", "-q"],
    ] {
      let run = try CommandRun.sumac(arguments, in: folder.path)
      #expect(run.status == 0, "\(arguments): \(run.output)\(run.messages)")
    }
    #expect(try folder.bytes("copy.sumac") == folder.bytes("many.sumac"))
    #expect(try folder.bytes("sealed.sumac") == folder.bytes("sealed2.sumac"))
  }
}
