import Base
import TensorCore
import TestSupport
import Testing

@Suite struct Crc32KernelTests {
  static let levels = Array(Kernels.levels.indices)

  /// Returns the bytes `(i * 31 + i / 7) mod 256`, the same as the script that made the expected values.
  static func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 * 31 + $0 / 7) }
  }

  @Test("the check value of the catalogue of CRCs", arguments: levels)
  func checkValue(level: Int) {
    #expect(Kernels.levels[level].crc32(Array("123456789".utf8).rawSpan) == 0xCBF4_3926)
    #expect(Kernels.levels[level].crc32([UInt8]().rawSpan) == 0)
    #expect(Kernels.levels[level].crc32([UInt8]().rawSpan, continuing: 17) == 17)
  }

  /// The expected values are those of zlib.crc32 in Python 3.11.
  @Test(
    "the values of zlib", arguments: levels,
    [
      (1, 0xD202_EF8D),
      (7, 0xAC70_26DF),
      (8, 0xA2C4_6B24),
      (15, 0x5745_FBD9),
      (16, 0x3280_4368),
      (63, 0xAD70_BE0D),
      (64, 0x9A1D_A978),
      (65, 0x6EFE_713E),
      (79, 0x05F3_5F7D),
      (80, 0x050A_CE3C),
      (127, 0x5D0B_AF7F),
      (128, 0xDBE9_A809),
      (129, 0xB504_4CE9),
      (200, 0x37A8_097D),
      (255, 0x2B6F_8098),
      (4096, 0x8B78_3D22),
      (65537, 0xC17F_451D),
    ] as [(Int, UInt32)])
  func zlibValues(level: Int, expected: (byteCount: Int, crc: UInt32)) {
    #expect(Kernels.levels[level].crc32(Self.pattern(expected.byteCount).rawSpan) == expected.crc)
  }

  @Test("pieces continue each other, however they are cut and aligned", arguments: levels)
  func pieces(level: Int) {
    let kernels = Kernels.levels[level]
    var random = SeededGenerator(seed: 5)
    let bytes = (0..<1000).map { _ in UInt8.random(in: 0...255, using: &random) }
    let whole = Kernels.levels[0].crc32(bytes.rawSpan)
    for _ in 0..<200 {
      let cuts = [0, 1000] + (0..<3).map { _ in Int.random(in: 0...1000, using: &random) }
      var crc: UInt32 = 0
      for (start, end) in zip(cuts.sorted(), cuts.sorted().dropFirst()) {
        crc = kernels.crc32(bytes.rawSpan.extracting(start..<end), continuing: crc)
      }
      #expect(crc == whole)
    }
  }
}
