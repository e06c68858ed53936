import Base
import PackedFormat
import TensorCore
import TestSupport
import Testing

/// Tests of damage that checksums detect: truncated files and flipped bits.
@Suite struct DamageTests {
  /// A file of a few hundred bytes that contains every kind of part.
  static func small() throws -> [UInt8] {
    var file = try SampleFile()
    file.edit(["tensors"]) { _ in
      [
        [
          "name": "b", "dtype": "U8", "shape": [5],
          "terms": [["kind": "dense", "codec": "planes", "chunks": 1]],
        ]
      ]
    }
    file.edit(["attachments"]) { list in .array([list!.asArray![0]]) }
    let all = try SampleFile()
    let five = all.records[all.record(of: "b")]
    let config = all.records[all.record(of: "config.json")]
    func bytes(_ record: ChunkRecord) -> [UInt8] {
      Array(file.body[record.byteOffset - 64..<record.end - 64])
    }
    func padded(_ bytes: [UInt8]) -> [UInt8] {
      bytes + [UInt8](repeating: 0, count: bytes.count.rounded(upTo: 64) - bytes.count)
    }
    let (first, second) = (bytes(five), bytes(config))
    file.body = padded(first) + padded(second)
    file.records = [five, config]
    file.records[0].byteOffset = 64
    file.records[1].byteOffset = 64 + padded(first).count
    return try file.assembled()
  }

  @Test("the small file is valid")
  func whole() throws {
    let found = try HostileFileTests.read(Self.small())
    #expect(found.map(\.0) == ["b", "config.json"])
    #expect(found[0].1 == [1, 2, 3, 4, 5])
  }

  @Test("a file truncated at any length is refused")
  func truncation() throws {
    let bytes = try Self.small()
    for length in bytes.indices {
      let error = #expect(throws: FormatError.self) {
        _ = try HostileFileTests.read(Array(bytes[..<length]))
      }
      let expected: Set<FormatError.Code> = [
        PackedFault.truncated.code, PackedFault.trailerMagic.code, PackedFault.notSumac.code,
      ]
      #expect(expected.contains(error!.code), "cut at \(length): \(error!)")
    }
  }

  @Test("every single flipped bit is refused")
  func flips() throws {
    let bytes = try Self.small()
    var codes: Set<FormatError.Code> = []
    for place in bytes.indices {
      for bit in 0..<8 {
        var damaged = bytes
        damaged[place] ^= 1 << bit
        let error = #expect(throws: FormatError.self, "byte \(place), bit \(bit)") {
          _ = try HostileFileTests.read(damaged)
        }
        if let error { codes.insert(error.code) }
      }
    }
    #expect(codes.contains(PackedFault.headerChecksum.code))
    #expect(codes.contains(PackedFault.indexChecksum.code))
    #expect(codes.contains(PackedFault.chunkChecksum.code))
    #expect(codes.contains(PackedFault.chunkPadding.code))
  }

  @Test("a large file truncated at a boundary between parts is refused")
  func boundaries() throws {
    let bytes = try SampleFile.written()
    let sample = try SampleFile()
    var cuts = [0, 11, 63, 64, 65, bytes.count - 1, bytes.count - 64, bytes.count - 63]
    for record in sample.records { cuts += [record.byteOffset, record.end - 1, record.end] }
    let trailer = try FileTrailer(
      bytes.rawSpan.extracting(bytes.count - 64..<bytes.count), fileByteCount: bytes.count, path: ""
    )
    cuts += [trailer.indexOffset, trailer.indexOffset + 1, trailer.tableOffset]
    for cut in cuts where cut < bytes.count {
      #expect(throws: FormatError.self, "\(cut)") {
        _ = try HostileFileTests.read(Array(bytes[..<cut]))
      }
    }
  }
}
