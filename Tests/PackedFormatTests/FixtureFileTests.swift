import Base
import Codecs
import Foundation
import PackedFormat
import Packing
import TensorCore
import TestSupport
import Testing

/// Tests of the files in `Fixtures/sumac` and `Fixtures/hostile`, which also test other readers.
///
/// With SUMAC_REGENERATE=1 the files are written again.
@Suite struct FixtureFileTests {
  static let isRegenerating = ProcessInfo.processInfo.environment["SUMAC_REGENERATE"] == "1"

  // MARK: Valid files

  /// The files that this test creates; the program created the others in the folder.
  static func made() throws -> [(name: String, bytes: [UInt8])] {
    var files: [(name: String, bytes: [UInt8])] = []
    for compression in Compression.allCases {
      files.append(
        ("sample-\(compression.rawValue).sumac", try SampleFile.written(compression: compression)))
    }
    var sealed = SampleFile.builder()
    sealed.isSealed = true
    sealed.extensions = [
      PackedExtension(name: "org.example.note", isSafeToCopy: true, value: ["a": [1, -2, .null]])
    ]
    files.append(("sealed.sumac", try sealed.built()))
    files.append(("example.sumac", try example().built()))
    files.append(("edges.sumac", try edges().built()))
    return files
  }

  /// The worked example of the specification.
  static func example() -> PackedFileBuilder {
    var builder = PackedFileBuilder()
    builder.compression = .none
    builder.tensors = [
      PackedFileBuilder.Tensor(
        name: "w", dtype: .f32, dimensions: [2, 4],
        terms: [
          .dense(
            AffineCodec(bits: 4, groups: GroupSpec(axis: 1, size: 4)),
            .floats([0.5, -1.75, 0, 0.25, 7, 3, -2, 1]))
        ])
    ]
    builder.attachments = [("a.txt", Array("hi\n".utf8))]
    return builder
  }

  /// Contents that are rare in files of models: sums in float64, terms that replace, sums without a dense
  /// term, values at the limits of a dtype, constants, and groups along other axes.
  static func edges() -> PackedFileBuilder {
    let floats = PackedFileBuilder.weights
    let canonical = PackedFileBuilder.bytes
    let mask = PackedFileBuilder.mask
    let f64 = canonical(floats(64, 21), .f64)
    let rows = GroupSpec(axis: 1, size: 8)
    var builder = PackedFileBuilder()
    builder.tensors = [
      PackedFileBuilder.Tensor(
        name: "sum of float64", dtype: .f64, dimensions: [4, 16],
        terms: [
          .dense(AffineCodec(bits: 5, groups: rows, zero: .integer), .floats(floats(64, 21))),
          .sparse(
            .add, NMIndex(kept: 1, of: 4, dimensions: [4, 16]), RawCodec(), .bytes(f64),
            mask: (0..<64).map { $0 % 4 == 1 }),
          .lowRank(batch: 0, rank: 3, scale: -2, dtype: .bf16, u: floats(12, 1), v: floats(48, 2)),
          .sparse(
            .replace, Gap8Index(), PlanesCodec(), .bytes(f64), mask: mask(64, 0.1, 5)),
        ]),
      PackedFileBuilder.Tensor(
        name: "bits replaced", dtype: .i16, dimensions: [10],
        terms: [
          .dense(RawCodec(), .bytes((0..<20).map { UInt8($0) })),
          .sparse(
            .replace, BitmaskIndex(), RawCodec(), .bytes([UInt8](repeating: 0xFF, count: 20)),
            mask: (0..<10).map { $0 % 3 == 0 }),
        ]),
      PackedFileBuilder.Tensor(
        name: "factors", dtype: .bf16, dimensions: [4, 16],
        terms: [
          .scaled(0.5, .dense(PlanesCodec(), .bytes(canonical(floats(64, 31), .bf16)))),
          .scaled(
            -1.7, .dense(AffineCodec(bits: 4, groups: rows), .floats(floats(64, 32)))),
          .scaled(
            0.3,
            .sparse(
              .add, BitmaskIndex(), PlanesCodec(), .bytes(canonical(floats(64, 33), .bf16)),
              mask: mask(64, 0.2, 7))),
        ]),
      PackedFileBuilder.Tensor(
        name: "factors of float64", dtype: .f64, dimensions: [4, 16],
        terms: [
          .scaled(0.1, .dense(RawCodec(), .bytes(f64))),
          .scaled(
            3,
            .sparse(
              .add, BitmaskIndex(), RawCodec(), .bytes(f64), mask: mask(64, 0.2, 8))),
        ]),
      PackedFileBuilder.Tensor(
        name: "nothing but products", dtype: .f32, dimensions: [3, 4, 5],
        terms: [
          .lowRank(batch: 1, rank: 1, scale: 1, dtype: .f32, u: floats(12, 3), v: floats(15, 4))
        ]),
      PackedFileBuilder.Tensor(
        name: "quantized values kept", dtype: .bf16, dimensions: [6, 50],
        terms: [
          .sparse(
            .add, BitmaskIndex(), AffineCodec(bits: 6, groups: GroupSpec(axis: 0, size: 16)),
            .floats(floats(300, 6)), mask: mask(300, 0.3, 6))
        ]),
      PackedFileBuilder.Tensor(
        name: "largest of half", dtype: .f16, dimensions: [1, 8],
        terms: [
          .dense(
            AffineCodec(bits: 4, groups: rows, scaleDType: .bf16),
            .floats([65504, -65504, 65000, 1, 0, -1, 30000, -60000]))
        ]),
      PackedFileBuilder.Tensor(
        name: "NaN and minus zero", dtype: .f32, dimensions: [4],
        terms: [
          .sparse(
            .add, BitmaskIndex(), PlanesCodec(),
            .bytes([1, 0, 0xC0, 0x7F, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0x80, 0xFF]),
            mask: [true, true, false, true])
        ]),
      PackedFileBuilder.Tensor(
        name: "one value", dtype: .c64, dimensions: [3, 2],
        terms: [
          .dense(
            PlanesCodec(), .bytes([UInt8](repeating: 7, count: 48)))
        ]),
      PackedFileBuilder.Tensor(
        name: "a mask", dtype: .u8, dimensions: [7, 9],
        terms: [
          .sparse(
            .add, BitmaskIndex(), PlanesCodec(), .bytes([UInt8](repeating: 1, count: 63)),
            mask: mask(63, 0.5, 8))
        ]),
      PackedFileBuilder.Tensor(
        name: "groups of channels", dtype: .f32, dimensions: [2, 7, 5],
        terms: [
          .dense(
            AffineCodec(bits: 7, groups: GroupSpec(axis: 0, size: 2), packing: .bits),
            .floats(floats(70, 9)))
        ]),
      PackedFileBuilder.Tensor(
        name: "one scale", dtype: .f32, dimensions: [2, 300_000],
        terms: [
          .dense(
            CodebookCodec(table: [-1, 0, 1], groups: GroupSpec(axis: 1, size: 0)),
            .floats((0..<600_000).map { $0 % 1000 == 0 ? 1 : 0 }))
        ]),
      PackedFileBuilder.Tensor(
        name: "eight of sixteen", dtype: .f32, dimensions: [3, 21],
        terms: [
          .sparse(
            .add, NMIndex(kept: 8, of: 16, dimensions: [3, 21]), PlanesCodec(),
            .bytes(canonical(floats(63, 10), .f32)), mask: (0..<63).map { $0 % 3 == 0 })
        ]),
      PackedFileBuilder.Tensor(
        name: "rounded twice", dtype: .bf16, dimensions: [4, 32],
        terms: [
          .dense(
            AffineCodec(
              bits: 4, groups: GroupSpec(axis: 1, size: 32), scaleDType: .bf16, zero: .float,
              arithmetic: .steps), .floats(floats(128, 12)))
        ]),
      PackedFileBuilder.Tensor(
        name: "unsigned", dtype: .u64, dimensions: [],
        terms: [.dense(PlanesCodec(), .bytes([1, 2, 3, 4, 5, 6, 7, 0x88]))]),
    ]
    return builder
  }

  /// SHA-256 of the canonical bytes of each tensor and attachment.
  static func digests(_ path: String) throws -> [String] {
    try HostileFileTests.read(path).map { "\(Digest.sha256($0.1))  \($0.0)" }
  }

  @Test("fixtures equal the files that the current writer creates")
  func unchanged() throws {
    for (name, bytes) in try Self.made() {
      if Self.isRegenerating {
        try Data(bytes).write(to: URL(fileURLWithPath: Fixtures.path("sumac/\(name)")))
      } else if name != "sample-small.sumac", name != "sample-fast.sumac", name != "sealed.sumac" {
        // Compressed bytes may differ with other versions of libzstd.
        #expect(try Fixtures.bytes("sumac/\(name)") == bytes, "\(name)")
      }
    }
  }

  @Test("every valid file decodes to the recorded values")
  func values() throws {
    var lines: [String] = []
    for name in Fixtures.names(in: "sumac", suffix: ".sumac") {
      lines += try Self.digests(Fixtures.path("sumac/\(name)")).map { "\(name)\t\($0)" }
    }
    let text = lines.joined(separator: "\n") + "\n"
    if Self.isRegenerating {
      try Data(text.utf8).write(to: URL(fileURLWithPath: Fixtures.path("sumac/digests.tsv")))
    }
    #expect(try String(decoding: Fixtures.bytes("sumac/digests.tsv"), as: UTF8.self) == text)
  }

  @Test("samples of the same values are equal, whatever their compression")
  func samples() throws {
    let all = try ["fast", "none", "small"].map {
      try Self.digests(Fixtures.path("sumac/sample-\($0).sumac"))
        .filter { !$0.hasSuffix("  " + SampleFile.longName) }
    }
    #expect(all[0] == all[1] && all[0] == all[2])
  }

  // MARK: Hostile files

  static func hostile() throws -> [(name: String, fault: PackedFault, bytes: [UInt8])] {
    var files = try HostileFileTests.all.map { test in
      (slug(test.name), test.fault, try test.built())
    }
    let whole = try SampleFile.written()
    files.append(("cut inside the header", .truncated, Array(whole[..<40])))
    files.append(("an empty file", .truncated, []))
    files.append(("cut before the trailer", .trailerMagic, Array(whole[..<(whole.count - 64)])))
    var flipped = whole
    flipped[30] ^= 1
    files.append(("a flipped bit of the header", .headerChecksum, flipped))
    var sealed = SampleFile.builder()
    sealed.isSealed = true
    var file = try SampleFile(sealed.built(), isSealed: true)
    file.seals[40] ^= 1
    files.append(("a seal of another chunk", .chunkSeal, try file.assembled()))
    var builder = SampleFile.builder()
    builder.contentIDs["b"] = [UInt8](repeating: 7, count: 32)
    files.append(("a content id of other values", .contentID, try builder.built()))
    return files.map { (slug($0.0) + ".sumac", $0.1, $0.2) }
  }

  private static func slug(_ text: String) -> String {
    String(
      text.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? Character($0.lowercased()) : "-" }
    )
    .split(separator: "-").joined(separator: "-")
  }

  /// The file names of the corpus with the expected error codes.
  static func expected() throws -> [(name: String, code: String)] {
    String(decoding: try Fixtures.bytes("hostile/expected.tsv"), as: UTF8.self)
      .split(separator: "\n").map { line in
        let parts = line.split(separator: "\t").map(String.init)
        return (parts[0], parts[1])
      }
  }

  @Test("the corpus contains every fault, one per file")
  func corpus() throws {
    if Self.isRegenerating {
      let files = try Self.hostile()
      try HostileFiles.store(files.map { ($0.name, $0.bytes) })
      let text = files.map { "\($0.name)\t\($0.fault.rawValue)\n" }.sorted().joined()
      try Data(text.utf8).write(to: URL(fileURLWithPath: Fixtures.path("hostile/expected.tsv")))
    }
    let expected = try Self.expected()
    #expect(Set(expected.map(\.name)).count == expected.count)
    #expect(Set(expected.map(\.code)) == Set(PackedFault.allCases.map(\.rawValue)))
    #expect(try HostileFiles().names == expected.map(\.name).sorted())
  }

  @Test("every file of the corpus is refused with its own code")
  func refusals() throws {
    let files = try HostileFiles()
    defer { withExtendedLifetime(files) {} }
    for (name, code) in try Self.expected() {
      let error = #expect(throws: FormatError.self, "\(name)") {
        _ = try HostileFileTests.read(files.path(name))
      }
      #expect(error?.code.description == code, "\(name): \(error?.description ?? "")")
    }
  }
}
