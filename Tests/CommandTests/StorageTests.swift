import Base
import Checkpoints
import Foundation
import PackedFormat
import Packing
import TensorCore
import TestSupport
import Testing

/// Tests of types, terms and targets of `convert` with the built program and a real model.
@Suite struct StorageTests {
  private static let types = [
    "int1:asym", "int2:g32", "int3", "int4:g64:asym", "int5:bf16", "int6:row", "int7:f32", "int8",
    "int8:tensor", "fp8", "fp8_e5m2:g64:f16", "mxfp4", "mxfp6", "mxfp6_e3m2", "mxfp8",
    "mxfp8_e5m2", "nvfp4", "nf4", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "lossless",
  ]
  private static let terms = [
    "dense:int4:g64+lowrank:8+sparse:1%", "dense:nf4+sparse:0.5%:add", "lowrank:4",
    "sparse:20%", "dense:int2:asym+lowrank:2+sparse:2%:add", "dense:lossless",
  ]

  private func convert(
    _ workspace: Workspace, _ output: String, _ options: [String]
  ) throws -> CommandRun {
    try CommandRun.sumac(
      ["convert", "base", "-o", output, "--drop", "model.layers.[123].*"] + options,
      in: workspace.folder.path)
  }

  @Test(
    "both readers read every type and sum of terms with the right content ids",
    arguments: ["fast", "none"])
  func types(compression: String) throws {
    let workspace = try Workspace()
    var paths: [String] = []
    for (flag, value) in Self.types.map({ ("--type", $0) }) + Self.terms.map({ ("--terms", $0) }) {
      let name = "\(paths.count).sumac"
      let run = try convert(
        workspace, name, [flag, value, "--content-ids", "--compress", compression, "-q"])
      #expect(run.status == 0, "\(value): \(run.messages)")
      paths.append(workspace.folder[name])
    }
    let verified = try CommandRun.sumac(["verify"] + paths)
    #expect(verified.status == 0, "\(verified.output) \(verified.messages)")
    // The Python reader compares content ids too.
    let other = try SecondReaderTests.run(paths)
    #expect(!other.contains("sumac."), "\(other)")
    #expect(other.split(separator: "\n").count > paths.count * 10)
  }

  @Test(
    "the bytes do not depend on threads, memory, or writing to a pipe",
    arguments: [
      ["--type", "int4:g64"], ["--terms", "dense:int4+lowrank:8+sparse:1%"],
      ["--target-bpw", "3.5"], ["--sparse", "auto"],
    ])
  func determinism(options: [String]) throws {
    let workspace = try Workspace()
    var first: [UInt8]?
    for (number, extra) in [["-j", "1"], ["-j", "2"], ["-j", "7"], ["--memory", "64MiB"]]
      .enumerated()
    {
      let run = try convert(workspace, "\(number).sumac", options + extra + ["-q"])
      #expect(run.status == 0, "\(run.messages)")
      let bytes = try workspace.folder.bytes("\(number).sumac")
      #expect(bytes == first ?? bytes, "\(extra)")
      first = bytes
    }
    let shell = try CommandRun.sumac(
      [
        "-c",
        "\"$0\" convert base -o - --drop 'model.layers.[123].*' \(options.joined(separator: " ")) "
          + "-q | cat > pipe.sumac", CommandRun.program,
      ], in: workspace.folder.path, program: "/bin/sh")
    #expect(shell.status == 0, "\(shell.messages)")
    #expect(try workspace.folder.bytes("pipe.sumac") == first)
  }

  @Test(
    "memory stays below the plan, and the plan below twice the memory",
    arguments: [
      ["--type", "int4"], ["--terms", "dense:int4:g64+lowrank:8+sparse:1%"], ["--sparse", "auto"],
    ])
  func memory(options: [String]) throws {
    let folder = try TemporaryFolder()
    try LargeFile.write(
      to: folder["in.safetensors"], tensors: 2, rows: 3000, columns: 4096, name: "weight")
    let run = try CommandRun.sumac(
      ["convert", "in.safetensors", "-o", "x.sumac", "-vv", "--memory", "96MiB", "-j", "2"]
        + options, in: folder.path)
    #expect(run.status == 0, "\(run.messages)")
    let peak = try #require(
      run.messages.firstMatch(of: /peak resident memory (\d+) bytes/).flatMap { Int($0.1) })
    let planned = try #require(run.messages.firstMatch(of: /(\d+) planned/).flatMap { Int($0.1) })
    #expect(peak <= planned && planned <= 2 * peak && peak < 96 << 20, "\(peak) of \(planned)")
  }

  // MARK: Targets

  /// Returns the sum of the squared relative errors of all values.
  private static func cost(_ path: String) throws -> Double {
    try PackedContainer.read(path).tensors.reduce(0) { sum, tensor in
      guard let source = tensor.source as? PackedTensorSource,
        let quality = source.reader.tensor(ofEntry: source.entry)?.quality, quality.norm > 0
      else { return sum }
      let share = quality.error / quality.norm
      return sum + Double(tensor.info.elementCount) * share * share
    }
  }

  /// Returns the stored bits of all tensors divided by the number of values.
  private static func bitsPerWeight(_ path: String) throws -> Double {
    let checkpoint = try PackedContainer.read(path)
    let stored = checkpoint.tensors.reduce(0) { $0 + $1.stored.byteCount }
    return Double(8 * stored) / Double(checkpoint.parameterCount)
  }

  @Test(
    "chosen types have no more error than a uniform type of the same size",
    arguments: [("int3:g32", true), ("int4", false), ("int6:g64", true)])
  func chosenAgainstUniform(uniform: String, isBeaten: Bool) throws {
    let workspace = try Workspace()
    func path(_ name: String, _ options: [String]) throws -> String {
      let run = try CommandRun.sumac(
        ["convert", "base", "-o", name, "-q"] + options, in: workspace.folder.path)
      #expect(run.status == 0, "\(run.messages)")
      return workspace.folder[name]
    }
    let one = try path("uniform.sumac", ["--type", uniform])
    let bits = try Self.bitsPerWeight(one)
    let chosen = try path("chosen.sumac", ["--target-bpw", String(bits)])
    #expect(try Self.bitsPerWeight(chosen) <= bits)
    let (cost, other) = (try Self.cost(chosen), try Self.cost(one))
    #expect(isBeaten ? cost < other : cost <= other, "\(cost) and \(other)")
  }

  @Test("a target size is reached to within 1 %", arguments: [350_000, 610_000])
  func targetSize(size: Int) throws {
    let workspace = try Workspace()
    let run = try CommandRun.sumac(
      ["convert", "base", "-o", "x.sumac", "-q", "--target-size", String(size)],
      in: workspace.folder.path)
    #expect(run.status == 0, "\(run.messages)")
    let found = try workspace.folder.bytes("x.sumac").count
    #expect(found <= size && Double(found) >= 0.99 * Double(size), "\(found) of \(size)")
  }

  @Test("a target of bits per weight is reached to within 1 %", arguments: [2.5, 7.25])
  func targetBits(bits: Double) throws {
    let workspace = try Workspace()
    let run = try CommandRun.sumac(
      ["convert", "base", "-o", "x.sumac", "-q", "--target-bpw", String(bits)],
      in: workspace.folder.path)
    #expect(run.status == 0, "\(run.messages)")
    let checkpoint = try PackedContainer.read(workspace.folder["x.sumac"])
    let stored = checkpoint.tensors.reduce(0) { $0 + $1.stored.byteCount }
    let found = Double(8 * stored) / Double(checkpoint.parameterCount)
    #expect(found <= bits && found >= 0.99 * bits, "\(found)")
  }

  // MARK: Sizes

  @Test("the size of an int4 model is within 2 % of the entropy of its codes")
  func int4Size() throws {
    let workspace = try Workspace()
    let run = try CommandRun.sumac(
      ["convert", "base", "-o", "x.sumac", "--type", "int4", "-q"], in: workspace.folder.path)
    #expect(run.status == 0)
    let plain = try CommandRun.sumac(
      ["convert", "base", "-o", "y.sumac", "--type", "int4", "-q", "--compress", "none"],
      in: workspace.folder.path)
    #expect(plain.status == 0)
    let packed = try PackedContainer.read(workspace.folder["x.sumac"])
    let raw = try PackedContainer.read(workspace.folder["y.sumac"])
    var (bits, stored) = (0.0, 0)
    for (tensor, other) in zip(packed.tensors, raw.tensors) where tensor.info.shape.rowCount > 1 {
      let file = try InputFile(path: workspace.folder["y.sumac"])
      // The chunk is a table of two streams, the codes, two per byte, and the scales.
      let chunk = try file.bytes(at: other.stored.byteOffset, count: other.stored.byteCount)
      let codes = chunk[16..<16 + tensor.info.elementCount / 2]
      var counts = [Int](repeating: 0, count: 16)
      for byte in codes {
        counts[Int(byte & 15)] += 1
        counts[Int(byte >> 4)] += 1
      }
      let groups = tensor.info.shape.rowCount * ((tensor.info.shape.columnCount + 127) / 128)
      bits += PlaneEntropy.bits(of: counts) + Double(16 * groups)
      stored += tensor.stored.byteCount
    }
    #expect(Double(8 * stored) <= 1.02 * bits, "\(8 * stored) of \(bits)")
  }

  @Test(
    "the size of a pruned model is within 2 % of that of its kept values and its mask",
    // Bytes of index per kept value of a uniform mask: the entropy of the mask at 50 %, of gaps at 90 %.
    arguments: [(0.5, 0.250), (0.9, 0.596)])
  func prunedSize(share: Double, index: Double) throws {
    let folder = try TemporaryFolder()
    let (rows, columns) = (1024, 1024)
    let values = Self.prunedWeights(rows * columns, share: share)
    try LargeFile.write(values, rows: rows, columns: columns, to: folder["in.safetensors"])
    let run = try CommandRun.sumac(
      ["convert", "in.safetensors", "-o", "x.sumac", "--sparse", "auto", "-q"], in: folder.path)
    #expect(run.status == 0, "\(run.messages)")
    let stored = try PackedContainer.read(folder["x.sumac"]).tensors[0].stored
    #expect(stored.codec.hasPrefix("sparse"))
    let kept = Double(values.count { $0 != 0 })
    // Weights in bfloat16 shrink losslessly by a factor of 1.4937.
    let predicted = kept * (2 / 1.4937 + index)
    #expect(Double(stored.byteCount) <= 1.02 * predicted, "\(stored.byteCount) of \(predicted)")
  }

  /// Returns normally distributed weights in bfloat16, with the smallest set to 0.
  private static func prunedWeights(_ count: Int, share: Double) -> [UInt16] {
    var random = SeededGenerator(seed: 99)
    let values = (0..<count).map { _ -> Float in
      let (a, b) = (
        Double.random(in: 1e-12..<1, using: &random), Double.random(in: 0..<1, using: &random)
      )
      return Float(0.02 * (-2 * log(a)).squareRoot() * cos(2 * Double.pi * b))
    }
    let threshold = values.map(\.magnitude).sorted()[Int(share * Double(count))]
    return values.map { $0.magnitude < threshold ? 0 : UInt16($0.bitPattern >> 16) }
  }

  @Test("appending keeps the tensors of the first file unchanged and adds those of the second")
  func appending() throws {
    let workspace = try Workspace()
    func sumac(_ arguments: [String]) throws -> CommandRun {
      try CommandRun.sumac(arguments, in: workspace.folder.path)
    }
    #expect(
      try sumac(["convert", "base", "-o", "a.sumac", "--drop", "model.layers.3.*", "-q"]).status
        == 0)
    #expect(
      try sumac([
        "convert", "base", "-o", "b.sumac", "--drop", "model.layers.[012].*", "--drop", "*embed*",
        "--drop", "lm_head*", "--drop", "model.norm*", "-q",
      ]).status == 0)
    #expect(
      try sumac(["convert", "b.sumac", "--append-to", "a.sumac", "-o", "ab.sumac", "-q"]).status
        == 0)
    let verified = try sumac(["verify", "ab.sumac", "--against", "base"])
    #expect(verified.status == 0, "\(verified.output)")
    let again = try sumac(["convert", "b.sumac", "--append-to", "ab.sumac", "-o", "c.sumac"])
    #expect(again.status == 64 && again.messages.contains("already exists in ab.sumac"))
    let (a, ab) = (try workspace.folder.bytes("a.sumac"), try workspace.folder.bytes("ab.sumac"))
    // The segments of the first file keep their offsets.
    #expect(a[..<400_000] == ab[..<400_000])
  }

  @Test("--sparse auto does not change lossy tensors")
  func sparseOfLossy() throws {
    let workspace = try Workspace()
    #expect(try convert(workspace, "a.sumac", ["--type", "int4", "--content-ids"]).status == 0)
    let run = try CommandRun.sumac(
      ["convert", "a.sumac", "-o", "b.sumac", "--sparse", "auto", "--content-ids"],
      in: workspace.folder.path)
    #expect(run.status == 0, "\(run.messages)")
    let (before, after) = (
      try workspace.folder.bytes("a.sumac").count, try workspace.folder.bytes("b.sumac").count
    )
    #expect(after < before + 4096)
  }

  @Test(
    "a range of rows is read only from the chunks that contain it",
    arguments: [
      ["--type", "lossless"], ["--type", "int4:g64"], ["--terms", "dense:int4+sparse:1%"],
      ["--terms", "dense:nf4+sparse:1%:add"], ["--sparse", "auto"],
    ])
  func rowRanges(options: [String]) throws {
    let folder = try TemporaryFolder()
    let (rows, columns) = (2048, 1024)
    var random = SeededGenerator(seed: 11)
    let values = (0..<rows * columns).map { index -> UInt16 in
      index % 4 == 0 ? 0x3C00 + UInt16.random(in: 0..<0x300, using: &random) : 0
    }
    try LargeFile.write(values, rows: rows, columns: columns, to: folder["in.safetensors"])
    let run = try CommandRun.sumac(
      ["convert", "in.safetensors", "-o", "x.sumac"] + options, in: folder.path)
    #expect(run.status == 0, "\(run.messages)")
    let bytes = try folder.bytes("x.sumac")

    func read(_ name: String, _ rows: Range<Int>) throws -> [UInt8] {
      let tensor = try PackedContainer.read(folder[name]).tensors[0]
      let elements = rows.lowerBound * columns..<rows.upperBound * columns
      var values = ByteBuffer(byteCount: 2 * elements.count)
      var scratch = ByteBuffer(
        byteCount: tensor.source.scratchByteCount(elementCount: elements.count))
      var span = values.mutableBytes
      var room = scratch.mutableBytes
      try tensor.source.read(elements, into: &span, scratch: &room)
      return values.bytes.array()
    }
    let whole = try read("x.sumac", 0..<rows)
    let reader = try PackedReader(InputFile(path: folder["x.sumac"]))
    let grid = try #require(reader.tensor(ofEntry: 0)).info.grid
    #expect(grid.count >= 3)
    for wanted in 0..<grid.count {
      var damaged = bytes
      for segment in reader.segments.indices {
        #expect(reader.segments[segment].chunkCount == grid.count)
        for chunk in 0..<grid.count where chunk != wanted {
          damaged[reader.record(segment: segment, chunk: chunk).byteOffset] ^= 1
        }
      }
      try folder.write(damaged, to: "y.sumac")
      let first = grid[wanted].lowerBound / columns + 1
      let range = first..<first + 7
      #expect(
        try read("y.sumac", range)
          == Array(whole[2 * columns * range.lowerBound..<2 * columns * range.upperBound]))
      #expect(throws: FormatError.self) { try read("y.sumac", 0..<rows) }
    }
  }
}
