import Foundation
import TestSupport
import Testing

/// Tests of model folders with several files of weights, with the built program.
@Suite struct FolderTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try FileManager.default.copyItem(
      atPath: Fixtures.path("models/base"), toPath: folder["model"])
  }

  private func run(_ arguments: String...) throws -> CommandRun {
    try CommandRun.sumac(arguments, in: folder.path)
  }

  @Test("verify does not say equal if weights were left out")
  func verify() throws {
    try folder.write([1, 2, 3], to: "model/pytorch_model.bin")
    let packing = try run("convert", "model", "-o", "x.sumac")
    #expect(packing.messages.contains("warning: not copied: pytorch_model.bin"))
    let compared = try run("verify", "x.sumac", "--against", "model")
    #expect(compared.status == 0)
    #expect(!compared.output.contains("equal"))
    #expect(compared.output.contains("not compared: pytorch_model.bin of model"))
    let json = try run("verify", "x.sumac", "--against", "model", "--json")
    #expect(json.output.contains(#""equal": false"#))
    let checked = try run("verify", "model")
    #expect(checked.output.contains("not checked: pytorch_model.bin"))
    try FileManager.default.removeItem(atPath: folder["model/pytorch_model.bin"])
    let same = try run("verify", "x.sumac", "--against", "model")
    #expect(same.status == 0 && same.output.contains("equal to model"))
  }

  @Test("weights in other files are not equal to nothing")
  func companionsOfOneSide() throws {
    try folder.write([1, 2, 3], to: "model/voices/a.pt")
    _ = try run("convert", "model", "-o", "x.safetensors", "-q")
    let compared = try run("verify", "x.safetensors", "--against", "model")
    #expect(compared.status == 0 && !compared.output.contains("equal to"))
    #expect(compared.output.contains("not compared: voices/a.pt of model"))
    _ = try run("convert", "model", "-o", "x.sumac", "-q")
    let whole = try run("verify", "x.sumac", "--against", "model")
    #expect(whole.output.contains("equal to model"))
  }

  @Test("--companions chooses the files beside the weights")
  func companions() throws {
    try folder.write([UInt8](repeating: 1, count: 1 << 20), to: "model/x.nemo")
    let all = try run("convert", "model", "-o", "all", "--companions", "all")
    #expect(all.status == 0 && !all.messages.contains("warning"), "\(all.messages)")
    #expect(folder.exists("all/x.nemo") && folder.exists("all/config.json"))
    // A file that one side leaves out by default is compared with that of the other.
    _ = try run("convert", "model", "-o", "all.sumac", "--companions", "all", "-q")
    for (copy, original) in [("all.sumac", "model"), ("model", "all.sumac")] {
      let equal = try run("verify", copy, "--against", original)
      #expect(equal.status == 0 && equal.output.contains("equal to \(original)"), "\(equal.output)")
    }
    var changed = [UInt8](repeating: 1, count: 1 << 20)
    changed[77] = 2
    try folder.write(changed, to: "model/x.nemo")
    let different = try run("verify", "all.sumac", "--against", "model")
    #expect(different.status == 1 && different.output.contains("x.nemo"), "\(different.output)")
    let none = try run("convert", "model", "-o", "none", "--companions", "none")
    #expect(none.status == 0 && !none.messages.contains("warning"), "\(none.messages)")
    #expect(try folder.names(in: "none") == ["model.safetensors"])
    let small = try run("convert", "model", "-o", "small")
    #expect(small.messages.contains("not copied: x.nemo (exported models"))
    #expect(small.messages.contains("--companions all copies them"))
    #expect(!folder.exists("small/x.nemo") && folder.exists("small/config.json"))
  }

  @Test("a warning names files with weights that options do not reach")
  func unchanged() throws {
    try folder.write([1, 2, 3], to: "model/voices/a.pt")
    let cast = try run("convert", "model", "-o", "half", "--dtype", "f16")
    #expect(
      cast.messages.contains("warning: copied unchanged, with any weights in them: voices/a.pt"))
    let copy = try run("convert", "model", "-o", "copy")
    #expect(!copy.messages.contains("warning"))
  }

  @Test("an adapter keeps the names under which PEFT looks for it")
  func adapter() throws {
    try FileManager.default.copyItem(
      atPath: Fixtures.path("lora/plain"), toPath: folder["adapter"])
    #expect(try run("convert", "adapter", "-o", "a.sumac", "-q").status == 0)
    #expect(try run("convert", "a.sumac", "-o", "b", "-q", "--no-lineage").status == 0)
    #expect(try run("convert", "adapter", "-o", "c", "-q", "--dtype", "bf16").status == 0)
    for name in ["b", "c"] {
      #expect(
        try folder.names(in: name) == ["adapter_config.json", "adapter_model.safetensors"])
    }
    // The adapter still applies.
    let merged = try run("vector", "apply", "b", "--base", "model", "-o", "merged", "-q")
    #expect(merged.status == 0, "\(merged.messages)")
    #expect(folder.exists("merged/model.safetensors"))
  }
}
