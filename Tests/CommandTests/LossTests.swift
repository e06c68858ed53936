import Foundation
import TestSupport
import Testing

/// Tests of the errors that lossy commands report, with the built program.
@Suite struct LossTests {
  /// Writes a safetensors file of tensors that are given as dtype, shape and bytes.
  private static func write(
    _ tensors: [(name: String, dtype: String, shape: [Int], bytes: [UInt8])],
    to folder: TemporaryFolder, as name: String = "in.safetensors"
  ) throws {
    var (entries, data): ([String], [UInt8]) = ([], [])
    for tensor in tensors {
      entries.append(
        "\"\(tensor.name)\":{\"dtype\":\"\(tensor.dtype)\",\"shape\":\(tensor.shape),"
          + "\"data_offsets\":[\(data.count),\(data.count + tensor.bytes.count)]}")
      data += tensor.bytes
    }
    let header = Array(("{" + entries.joined(separator: ",") + "}").utf8)
    let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
    try folder.write(length + header + data, to: name)
  }

  /// Returns BF16 bytes.
  private static func bf16(_ values: [Float]) -> [UInt8] {
    values.flatMap { value -> [UInt8] in
      let code = UInt16(value.bitPattern >> 16)
      return [UInt8(truncatingIfNeeded: code), UInt8(code >> 8)]
    }
  }

  private static func normal(_ count: Int, scale: Float, seed: UInt64) -> [Float] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float.random(in: 0.5...1, using: &random) * scale }
  }

  /// A folder with a BF16 model: two values too large for F16, a tensor that F16 cannot hold, and one that it holds.
  private static func overflowing() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    var big = normal(4096, scale: 0.05, seed: 1)
    (big[197], big[455]) = (1e5, -7e4)
    try write(
      [
        ("blk.big.weight", "BF16", [64, 64], bf16(big)),
        ("blk.ok.weight", "BF16", [64, 64], bf16(normal(4096, scale: 0.05, seed: 2))),
        ("blk.tiny.weight", "BF16", [64, 64], bf16(normal(4096, scale: 1e-9, seed: 3))),
      ], to: folder)
    return folder
  }

  private static func run(_ arguments: String, _ folder: TemporaryFolder) throws -> CommandRun {
    try CommandRun.sumac(arguments.split(separator: " ").map(String.init), in: folder.path)
  }

  @Test("a cast warns about new infinities and zeros", arguments: ["out", "out.sumac"])
  func overflow(output: String) throws {
    let folder = try Self.overflowing()
    let cast = try Self.run("convert in.safetensors -o \(output) --dtype f16", folder)
    #expect(cast.status == 0)
    #expect(
      cast.messages.contains(
        "warning: 2 values became infinite in blk.big.weight; 4096 became zero in blk.tiny.weight"))
    #expect(cast.messages.contains("total relative error"))
    #expect(cast.messages.contains("33.3 % of the values kept without loss"))
    let json = try Self.run("explain \(output) --json", folder)
    #expect(json.output.contains("\"infinities\": 2"))
    #expect(json.output.contains("\"zeros\": 4096"))
    #expect(cast.messages.contains("worst: blk.big.weight not finite (2 values), blk.tiny.weight"))
    let big = try Self.run("explain \(output):blk.big.weight", folder)
    #expect(
      big.output.contains("not finite: 2 values became infinite in the last step"),
      "\(big.output)")
    let bigJSON = try Self.run("explain \(output):blk.big.weight --json", folder)
    #expect(bigJSON.output.contains("\"relative_error\": \"Infinity\""), "\(bigJSON.output)")
    let inspected = try Self.run("inspect \(output)", folder)
    let row = inspected.output.split(separator: "\n").first { $0.contains("blk.big.weight  ") }
    #expect(row?.contains("not finite") == true, "\(inspected.output)")
  }

  @Test("explain tells the error of a cast, and not that every bit was kept")
  func explain() throws {
    let folder = try Self.overflowing()
    for options in ["--dtype f16", "--dtype f16 --saturate --type int8"] {
      let cast = try Self.run("convert in.safetensors -o x.sumac -f \(options)", folder)
      #expect(cast.status == 0, "\(cast.messages)")
      let tiny = try Self.run("explain x.sumac:blk.tiny.weight", folder)
      #expect(tiny.output.contains("100.000 % of the norm"), "\(tiny.output)")
      #expect(!tiny.output.contains("every bit is kept"))
    }
    // 65504 for 100000 and -65504 for -70000, of a norm of about 121,700.
    let big = try Self.run("explain x.sumac:blk.big.weight", folder)
    #expect(big.output.contains("28."), "\(big.output)")
    let inspected = try Self.run("inspect x.sumac", folder)
    #expect(inspected.output.contains("100.00 %"))
    #expect(inspected.output.contains("total relative error"))
  }

  @Test("--dtype decodes F8 without scales exactly")
  func plainF8() throws {
    let folder = try TemporaryFolder()
    // 1.0, -1.0, 448 and the smallest subnormal of E4M3.
    try Self.write(
      [("blk.proj.weight", "F8_E4M3", [2, 2], [0x38, 0xB8, 0x7E, 0x01])], to: folder)
    let cast = try Self.run("convert in.safetensors -o out.safetensors --dtype bf16", folder)
    #expect(cast.status == 0, "\(cast.messages)")
    #expect(!cast.messages.contains("error"))
    let bytes = try folder.bytes("out.safetensors")
    #expect(Array(bytes.suffix(8)) == Self.bf16([1, -1, 448, 0x1p-9]))
  }

  /// An F8 matrix with block scales, a norm, and indexes.
  private static func scaled() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try write(
      [
        ("a.weight", "F8_E4M3", [2, 2], [0x38, 0xB8, 0x7E, 0x01]),
        ("a.weight_scale_inv", "F32", [1, 1], [0, 0, 0, 0x3F]),
        ("norm.weight", "F32", [2], [0, 0, 0x80, 0x3F, 1, 0, 0x80, 0x3F]),
        ("ids", "I64", [1], [7, 0, 0, 0, 0, 0, 0, 0]),
      ], to: folder)
    return folder
  }

  @Test("--dtype leaves parts of stored quantizations and other dtypes, and says so")
  func companions() throws {
    let folder = try Self.scaled()
    let cast = try Self.run("convert in.safetensors -o out.safetensors --dtype bf16", folder)
    #expect(cast.status == 0, "\(cast.messages)")
    #expect(
      cast.messages.contains(
        "warning: --dtype bf16 does not convert parts of stored quantizations: 1 tensor of F8_E4M3 "
          + "(4 values), 1 tensor of F32 (1 value); other dtypes: 1 tensor of I64 (1 value)"))
    let shown = try Self.run("inspect out.safetensors --format csv", folder)
    #expect(shown.output.contains("a.weight,F8_E4M3"))
    #expect(shown.output.contains("a.weight_scale_inv,F32"))
    #expect(shown.output.contains("norm.weight,BF16"))
  }

  @Test("scales that are included by name are converted")
  func includedScales() throws {
    let folder = try Self.scaled()
    let cast = try Self.run(
      "convert in.safetensors -o out.safetensors --dtype bf16 --include *scale_inv", folder)
    #expect(cast.status == 0, "\(cast.messages)")
    let shown = try Self.run("inspect out.safetensors --format csv", folder)
    #expect(shown.output.contains("a.weight_scale_inv,BF16"))
    #expect(shown.output.contains("a.weight,F8_E4M3"))
  }

  @Test("--dtype that converts nothing is an error")
  func nothing() throws {
    let folder = try Self.scaled()
    for (options, reason) in [
      ("--dtype f32", "1 tensor already F32; parts of stored quantizations"),
      ("--dtype bf16 --include ids", "other dtypes: 1 tensor of I64"),
    ] {
      let cast = try Self.run("convert in.safetensors -o out.safetensors \(options)", folder)
      #expect(cast.status == 64)
      #expect(cast.messages.contains("converts no tensor of in.safetensors: \(reason)"))
      #expect(!folder.exists("out.safetensors"))
    }
  }

  @Test("verify summarizes many differences, and lists them on request")
  func verify() throws {
    let workspace = try Workspace()
    let folder = workspace.folder
    _ = try Self.run("convert base -o x.sumac --type int8 -q", folder)
    let short = try Self.run("verify x.sumac --against base", folder)
    #expect(short.status == 1)
    #expect(short.output.contains("differs from base\n"))
    #expect(short.output.contains("tensors  9 of 39 equal, 30 changed\n"))
    #expect(short.output.contains("total relative error"))
    #expect(short.output.split(separator: "\n").count == 5, "\(short.output)")
    #expect(short.messages.contains("--details"))
    let long = try Self.run("verify x.sumac --against base --details", folder)
    #expect(long.output.split(separator: "\n").count > 30)
    let json = try Self.run("verify x.sumac --against base --json", folder)
    #expect(json.output.contains("\"equal_tensor_count\": 9"))
    #expect(json.output.contains("\"relative_error\""))
  }

  @Test("prune reports the energy that it removed")
  func prune() throws {
    let folder = try TemporaryFolder()
    // The two smallest of four magnitudes are removed: 1 + 4 of 1 + 4 + 16 + 64.
    try Self.write([("w.weight", "BF16", [2, 2], Self.bf16([1, -2, 4, 8]))], to: folder)
    let pruned = try Self.run(
      "prune in.safetensors -o out.safetensors --amount 50% --by magnitude", folder)
    #expect(pruned.status == 0, "\(pruned.messages)")
    #expect(pruned.output.contains("5.882 % of the energy"), "\(pruned.output)")
    #expect(pruned.messages.contains("total relative error 24.254 % in 1 tensor"))
  }
}
