import Foundation
import TestSupport
import Testing

/// Tests of requests and values that `convert` refuses, with the built program.
@Suite struct StorageRefusalTests {
  private func convert(
    _ workspace: Workspace, _ output: String, _ options: [String]
  ) throws -> CommandRun {
    try CommandRun.sumac(
      ["convert", "base", "-o", output, "--drop", "model.layers.[123].*"] + options,
      in: workspace.folder.path)
  }

  @Test(
    "impossible requests are refused before the work starts",
    arguments: [
      (["--type", "int9"], "is not a type"),
      (["--type", "int1:sym"], "int1 has no symmetric form"),
      (["--type", "int4:g1000"], "the longest row has 344"),
      (["--terms", "dense:int4+lowrank:500"], "cannot be used for any tensor: rank 500"),
      (["--terms", "dense:int4+sparse:101%"], "needs a share"),
      (["--terms", "dense:int4+dense:int8"], "two dense terms"),
      (["--tensor-type", "nothing*=int4"], "matches no tensor"),
      (["--tensor-type", "int4"], "has no type"),
      (["--tensor-type", "*norm*=q8_0"], nil),
      (["--type", "int4", "--include", "*norm*"], "applies to no tensor"),
      (["--target-bpw", "0.5"], "is too small"), (["--target-size", "10KB"], "is too small"),
      (["--candidates", "int4"], "needs --target"),
      (["--target-bpw", "6", "--candidates", ","], "contains no type"),
      // Rows of 344 have no blocks of 32.
      (["--target-bpw", "16", "--candidates", "q4_0"], nil),
    ] as [([String], String?)])
  func refusals(options: [String], message: String?) throws {
    let workspace = try Workspace()
    let run = try CommandRun.sumac(
      ["convert", "base", "-o", "x.sumac"] + options, in: workspace.folder.path)
    guard let message else {
      #expect(run.status == 0, "\(run.messages)")
      return
    }
    #expect(run.status == 64, "\(run.messages)")
    #expect(run.messages.contains(message), "\(run.messages)")
    #expect(!workspace.folder.exists("x.sumac"))
  }

  @Test("a lossy type is refused in a container without terms")
  func wrongContainer() throws {
    let workspace = try Workspace()
    let run = try convert(workspace, "x.safetensors", ["--type", "int4"])
    #expect(run.status == 64 && run.messages.contains("supported only in .sumac files"))
  }

  @Test(
    "an error names the index of a value that is not finite",
    arguments: ["int4", "int8:f32", "mxfp4"])
  func notFinite(type: String) throws {
    let folder = try TemporaryFolder()
    var values = [UInt16](repeating: 0x3F80, count: 64 * 64)
    values[1000] = 0x7FC0
    values[70] = 0xFF80
    try LargeFile.write(values, rows: 64, columns: 64, to: folder["in.safetensors"])
    let run = try CommandRun.sumac(
      ["convert", "in.safetensors", "-o", "x.sumac", "--type", type], in: folder.path)
    #expect(run.status == 3)
    #expect(
      run.messages.contains("tensor 'weight'") && run.messages.contains("value 70 is infinite"))
    #expect(try folder.names() == ["in.safetensors"])
  }

  @Test(
    "the error of low-rank terms does not depend on a power-of-two scale",
    arguments: [-115, -70, 60, 110])
  func lowRankRange(exponent: Int) throws {
    let folder = try TemporaryFolder()
    func error(_ exponent: Int) throws -> Double {
      let values = (0..<4096).map { index in
        let (row, column) = (index / 64, index % 64)
        let value = Float((row * 7) % 13 - 6) * Float((column * 5) % 11 - 5) / 32
        let scaled = Float(sign: .plus, exponent: exponent, significand: value)
        return UInt16(scaled.bitPattern >> 16)
      }
      try LargeFile.write(values, rows: 64, columns: 64, to: folder["in.safetensors"])
      let run = try CommandRun.sumac(
        ["convert", "in.safetensors", "-o", "x.sumac", "-f", "--terms", "lowrank:1"],
        in: folder.path)
      #expect(run.status == 0, "\(run.messages)")
      let report = try CommandRun.sumac(["inspect", "x.sumac", "--json"], in: folder.path)
      let text = try #require(report.output.firstMatch(of: /"relative_error": ?([0-9.e-]+)/)?.1)
      return try #require(Double(text))
    }
    let expected = try error(0)
    #expect(expected < 0.002)
    #expect(try error(exponent) == expected)
  }

  @Test(
    "a value beyond the range of a type is refused",
    arguments: [["--type", "q4_0"], ["--type", "q8_0"], ["--terms", "lowrank:1"]])
  func tooLarge(options: [String]) throws {
    let folder = try TemporaryFolder()
    let values = [UInt16](repeating: 0x7F7F, count: 64 * 64)
    try LargeFile.write(values, rows: 64, columns: 64, to: folder["in.safetensors"])
    let run = try CommandRun.sumac(
      ["convert", "in.safetensors", "-o", "x.sumac"] + options, in: folder.path)
    #expect(run.status == 3 && run.messages.contains("too large"), "\(run.messages)")
    #expect(try folder.names() == ["in.safetensors"])
  }

  @Test("F64 values that all round to 0 in float32 are refused")
  func tooSmall() throws {
    let folder = try TemporaryFolder()
    let header =
      #"{"weight":{"dtype":"F64","shape":[8,8],"data_offsets":[0,512]}}"#
    func littleEndian(_ value: UInt64) -> [UInt8] {
      (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    let values = (0..<64).flatMap { _ in littleEndian(1e-60.bitPattern) }
    try folder.write(
      littleEndian(UInt64(header.utf8.count)) + Array(header.utf8) + values, to: "in.safetensors")
    let run = try CommandRun.sumac(
      ["convert", "in.safetensors", "-o", "x.sumac", "--type", "int8"], in: folder.path)
    #expect(run.status == 3 && run.messages.contains("too small for float32"), "\(run.messages)")
  }

  @Test("an output never replaces a device")
  func device() throws {
    let workspace = try Workspace()
    let link = workspace.folder["x.sumac"]
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "/dev/null")
    let run = try convert(workspace, "x.sumac", ["--type", "int4", "-f"])
    #expect(run.status == 64 && run.messages.contains("is a device or pipe"), "\(run.messages)")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "/dev/null")
  }
}
