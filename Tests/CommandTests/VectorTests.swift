import Foundation
import Packing
import TestSupport
import Testing

/// Tests of task vectors with the built program and real models.
@Suite struct VectorTests {
  private static func models() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for (name, target) in [
      ("base", "models/base"), ("poetry", "models/poetry"), ("tech", "models/tech"),
      ("f32", "merge/inputs/base"), ("ft_a", "merge/inputs/ft_a"), ("ft_b", "merge/inputs/ft_b"),
    ] {
      try FileManager.default.createSymbolicLink(
        atPath: folder[name], withDestinationPath: Fixtures.path(target))
    }
    return folder
  }

  private static func run(_ folder: TemporaryFolder, _ line: String) throws -> CommandRun {
    try CommandRun.sumac(line.split(separator: " ").map(String.init), in: folder.path)
  }

  private static func expectDone(_ folder: TemporaryFolder, _ line: String) throws {
    let run = try run(folder, line)
    #expect(run.status == 0, "\(line): \(run.messages)")
  }

  @Test(
    "an exact vector restores the fine-tuned model bit for bit, only on its own base",
    arguments: [("poetry", "base"), ("tech", "base"), ("ft_a", "f32"), ("ft_b", "f32")])
  func exact(tuned: String, base: String) throws {
    let folder = try Self.models()
    try Self.expectDone(
      folder, "vector extract \(tuned) --base \(base) -o v.sumac --exact --content-ids")
    for output in ["back", "back.safetensors", "back.sumac"] {
      try Self.expectDone(folder, "vector apply v.sumac --base \(base) -o \(output)")
      try Self.expectDone(folder, "verify \(output) --against \(tuned)")
    }
    // The terms of a packed base are kept.
    try Self.expectDone(folder, "convert \(base) -o base.sumac")
    try Self.expectDone(folder, "vector apply v.sumac --base base.sumac -o packed.sumac")
    try Self.expectDone(folder, "verify packed.sumac --against \(tuned)")
    try Self.expectDone(folder, "verify v.sumac")
    let other = tuned == "poetry" ? "tech" : tuned == "ft_a" ? "ft_b" : nil
    if let other {
      let run = try Self.run(folder, "vector apply v.sumac --base \(other) -o wrong")
      #expect(run.status == 3 && run.messages.contains("made from another base"))
      #expect(!folder.exists("wrong"))
    }
  }

  @Test(
    "a vector among the models of a merge stands for the base with it added",
    arguments: ["--density 10%", "--rank 4", "--type int4:g32", "--exact"])
  func merged(form: String) throws {
    let folder = try Self.models()
    try Self.expectDone(folder, "vector extract poetry --base base -o v.sumac \(form)")
    let options = "--base base --method ties --density 50% --weight 0.4"
    // The model card of a folder names the inputs as they were given.
    try Self.expectDone(folder, "merge v.sumac tech \(options) -o short.safetensors")
    try Self.expectDone(folder, "merge base+v.sumac tech \(options) -o long.safetensors")
    try Self.expectDone(folder, "verify short.safetensors --against long.safetensors")
    for line in [
      "merge v.sumac tech --method linear", "merge tech --base v.sumac --method task_arithmetic",
    ] {
      let run = try Self.run(folder, "\(line) -o wrong")
      #expect(run.status == 64, "\(run.messages)")
      #expect(run.messages.contains("v.sumac is a task vector or an adapter"), "\(run.messages)")
      #expect(!folder.exists("wrong"))
    }
  }

  @Test("a scale that float32 cannot hold is refused", arguments: ["1e39", "base=-1e300"])
  func scale(value: String) throws {
    let folder = try Self.models()
    try Self.expectDone(folder, "vector extract poetry --base base -o base-v.sumac --rank 2")
    for line in ["vector add base-v.sumac", "vector apply base-v.sumac --base base"] {
      let named = value.replacingOccurrences(of: "base=", with: "base-v=")
      let run = try Self.run(folder, "\(line) -o out.sumac --scale \(named)")
      #expect(run.status == 64 && run.messages.contains("float32"), "\(run.messages)")
      #expect(!folder.exists("out.sumac"))
    }
  }

  @Test(
    "a vector has the same effect in every format, packed or not",
    arguments: [
      "", "--density 10%", "--rank 4", "--type int4:g32", "--density 1% --type int8 --rank 2",
      "--dtype f32",
    ])
  func formats(form: String) throws {
    let folder = try Self.models()
    try Self.expectDone(folder, "vector extract poetry --base base -o p.sumac \(form)")
    try Self.expectDone(folder, "vector extract tech --base base -o t.sumac --rank 3")
    try Self.expectDone(folder, "convert base -o base.sumac")
    let apply = "vector apply p.sumac t.sumac --scale p=0.7 --scale t=-0.3"
    try Self.expectDone(folder, "\(apply) --base base -o plain")
    try Self.expectDone(folder, "\(apply) --base base -o a.sumac")
    try Self.expectDone(folder, "\(apply) --base base.sumac -o b.sumac")
    try Self.expectDone(
      folder, "vector add p.sumac t.sumac --scale p=0.7 --scale t=-0.3 -o sum.sumac")
    try Self.expectDone(folder, "vector apply sum.sumac --base base -o c.sumac")
    for output in ["a.sumac", "b.sumac", "c.sumac"] {
      // Vectors of another dtype are rounded to the base's dtype when they are added up.
      let tolerance = form.contains("f32") && output == "c.sumac" ? " --max-rmse 1e-4" : ""
      let run = try Self.run(folder, "verify \(output) --against plain\(tolerance)")
      #expect(run.status == 0, "\(output): \(run.output)\(run.messages)")
    }
    try Self.expectDone(folder, "vector negate sum.sumac -o minus.sumac")
    try Self.expectDone(folder, "vector apply sum.sumac minus.sumac --base base -o same")
    try Self.expectDone(folder, "verify same --against base --max-rmse 1e-4")
  }

  @Test("sparse and low-rank vectors are no larger than their terms")
  func sizes() throws {
    let folder = try Self.models()
    func size(_ name: String) throws -> Int {
      let attributes = try FileManager.default.attributesOfItem(atPath: folder[name])
      return attributes[.size] as? Int ?? .max
    }
    // 988,288 values of BF16: a tenth of them, and up to one bit per value for the index.
    try Self.expectDone(folder, "vector extract poetry --base base -o s.sumac --density 10%")
    #expect(try size("s.sumac") < 988_288 / 10 * 2 + 988_288 / 8)
    // 30 matrices with factors in F16, the norms in full, and the index of the file.
    try Self.expectDone(folder, "vector extract poetry --base base -o r.sumac --rank 4")
    let factors = 4 * (2 * (1024 + 128) + 4 * (3 * (344 + 128) + 2 * (128 + 128) + 2 * (64 + 128)))
    #expect(try size("r.sumac") < 2 * factors + 9 * 256 + 24_000)
    try Self.expectDone(folder, "vector compress r.sumac -o c.sumac --density 1%")
    #expect(try size("c.sumac") < 40_000)
  }

  @Test("a written LoRA adapter has the effect of the vector it was made from")
  func adapter() throws {
    let folder = try Self.models()
    try Self.expectDone(folder, "vector extract poetry --base base -o adapter --rank 8")
    #expect(
      try folder.names(in: "adapter") == ["adapter_config.json", "adapter_model.safetensors"])
    try Self.expectDone(folder, "vector extract poetry --base base -o r.sumac --rank 8")
    try Self.expectDone(folder, "vector apply adapter --base base -o a")
    try Self.expectDone(folder, "vector apply r.sumac --base base -o b")
    try Self.expectDone(folder, "verify a --against b --max-rmse 1e-4")
    // At full rank it is the fine-tuned model, except for rounding.
    try Self.expectDone(folder, "vector extract poetry --base base -o full --rank 128")
    try Self.expectDone(folder, "vector apply full --base base -o c")
    try Self.expectDone(folder, "verify c --against poetry --max-rmse 2e-3")
    try Self.expectDone(folder, "merge base+adapter tech --method linear -o m")
  }

  @Test("outputs of merges and vectors do not depend on threads and memory")
  func determinism() throws {
    let folder = try Self.models()
    for line in [
      "merge poetry tech --base base --method ties --density 0.4",
      "merge poetry tech --base base --method della --density 0.5 --seed 3",
      "merge poetry tech --base base --method dare_ties --density 0.5",
      "vector extract poetry --base base --density 5% --rank 3",
    ] {
      var files: [Data] = []
      for options in ["-j 1 --memory 64MiB", "-j 3"] {
        try Self.expectDone(folder, "\(line) -o x.sumac -f \(options)")
        files.append(try Data(contentsOf: URL(fileURLWithPath: folder["x.sumac"])))
      }
      let isSame = files[0] == files[1]
      #expect(isSame, "\(line)")
    }
  }
}

/// Tests vectors and adapters whose values cannot be used.
@Suite struct VectorFaultTests {
  /// Returns a safetensors file of one tensor.
  private static func file(
    _ name: String, _ dtype: String, _ shape: [Int], _ values: [UInt8], metadata: String = ""
  ) -> [UInt8] {
    let header =
      "{\(metadata)\"\(name)\":{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"data_offsets\":[0,\(values.count)]}}"
    let length = UInt64(header.utf8.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(header.utf8)
      + values
  }

  @Test(
    "a vector of any dtype is processed or refused",
    arguments: ["BOOL", "I8", "I64", "U16", "C64", "F64", "F8_E4M3", "F8_E8M0", "F4", "BF16"])
  func dtypes(name: String) throws {
    let folder = try TemporaryFolder()
    let bits = [
      "BOOL": 8, "I8": 8, "I64": 64, "U16": 16, "C64": 64, "F64": 64, "F4": 4, "BF16": 16,
    ]
    let values = [UInt8](repeating: 1, count: 16 * (bits[name] ?? 8) / 8)
    let metadata = #""__metadata__":{"sumac.vector":"difference"},"#
    try folder.write(
      Self.file("x.weight", name, [4, 4], values, metadata: metadata), to: "v.safetensors")
    let isRefused = !["F64", "F8_E4M3", "F4", "BF16"].contains(name)
    for line in [
      "vector negate v.safetensors -o o.safetensors -f",
      "vector negate v.safetensors -o o.sumac -f",
      "vector add v.safetensors v.safetensors -o o.sumac -f", "vector stats v.safetensors",
    ] {
      let run = try CommandRun.sumac(line.split(separator: " ").map(String.init), in: folder.path)
      #expect(run.status == (isRefused ? 3 : 0), "\(name): \(line): \(run.messages)")
      #expect(!isRefused || run.messages.contains("cannot hold differences"))
    }
    if !isRefused {
      for output in ["o.safetensors", "o.sumac"] {
        #expect(try CommandRun.sumac(["verify", output], in: folder.path).status == 0)
      }
    }
  }

  @Test("stored terms are added to a base of another dtype, whose chunks differ")
  func chunks() throws {
    let folder = try TemporaryFolder()
    // 1,024 × 1,024 values: two chunks of BF16, four of F32.
    let count = 1 << 20
    var random = SeededGenerator(seed: 7)
    func values() -> [UInt8] {
      (0..<count).flatMap { _ -> [UInt8] in
        [UInt8.random(in: 0...255, using: &random), UInt8.random(in: 0x3C...0x3F, using: &random)]
      }
    }
    try folder.write(Self.file("x.weight", "BF16", [1024, 1024], values()), to: "b.safetensors")
    try folder.write(Self.file("x.weight", "BF16", [1024, 1024], values()), to: "t.safetensors")
    for line in [
      "vector extract t.safetensors --base b.safetensors --dtype f32 -o v.sumac",
      "vector apply v.sumac --base b.safetensors -o o.safetensors",
      "verify o.safetensors --against t.safetensors",
    ] {
      let run = try CommandRun.sumac(line.split(separator: " ").map(String.init), in: folder.path)
      #expect(run.status == 0, "\(line): \(run.output)\(run.messages)")
    }
  }

  @Test("an adapter with NaN is refused by its name in all commands")
  func nonfinite() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(
      atPath: folder["base"], withDestinationPath: Fixtures.path("models/base"))
    try folder.write(
      try Fixtures.bytes("lora/plain/adapter_config.json"), to: "a/adapter_config.json")
    var weights = try Fixtures.bytes("lora/plain/adapter_model.safetensors")
    weights.replaceSubrange(weights.count - 4..<weights.count, with: [0, 0, 0xC0, 0x7F])
    try folder.write(weights, to: "a/adapter_model.safetensors")
    for line in [
      "vector apply a --base base -o o", "vector apply a --base base -o o.sumac",
      "vector negate a -o o.sumac", "vector compress a -o o.sumac --density 10%", "vector stats a",
      "merge base+a base --method linear -o o",
    ] {
      let run = try CommandRun.sumac(line.split(separator: " ").map(String.init), in: folder.path)
      #expect(
        run.status == 3 && run.messages.contains("a: tensor 'base_model.model."),
        "\(line): \(run.messages)")
      #expect(run.messages.contains("[values.not-finite]"))
      #expect(!folder.exists("o") && !folder.exists("o.sumac"))
    }
  }
}
