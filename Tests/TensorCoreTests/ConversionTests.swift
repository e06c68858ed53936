import Base
import TensorCore
import Testing

/// Facts about single conversions, at every CPU level.
@Suite struct ConversionTests {
  /// Converts the little-endian bits of one value, or of as many values as fill a byte.
  private static func convert(
    _ bits: UInt64, _ from: DType, to: DType, count: Int = 1, saturating: Bool = false,
    level: Int
  ) throws -> UInt64 {
    var source = ByteBuffer(byteCount: 8)
    var input = source.mutableBytes
    input.storeLittleEndian(bits, at: 0)
    var target = ByteBuffer(byteCount: 8)
    var output = target.mutableBytes
    output.fill()
    try Kernels.levels[level].convert(
      source.bytes, from: from, to: to, elementCount: count, saturating: saturating, into: &output)
    return target.bytes.littleEndian(UInt64.self, at: 0)!
  }

  @Test(
    "integers are rounded to floats once, to nearest even",
    arguments: [
      // 2^24 + 1 is a tie of float32, 2^24 + 3 the next one.
      (DType.i64, 0x100_0001, DType.f32, 0x4B80_0000), (.i64, 0x100_0003, .f32, 0x4B80_0002),
      // Just above a tie of bfloat16; rounding to float32 first would make it a tie.
      (.i64, 0x101_0000_0001, .bf16, 0x5381), (.u64, .max, .f32, 0x5F80_0000),
      (.i32, 0xFFFF_FFFF, .f16, 0xBC00), (.u8, 200, .f64, 0x4069_0000_0000_0000),
      (.bool, 7, .f32, 0x3F80_0000), (.i16, 0x8000, .bf16, 0xC700),
    ] as [(DType, UInt64, DType, UInt64)], Kernels.levels.indices)
  func integers(_ fact: (DType, UInt64, DType, UInt64), level: Int) throws {
    #expect(try Self.convert(fact.1, fact.0, to: fact.2, level: level) == fact.3)
  }

  @Test(
    "floats convert to integers toward zero and are clamped to their range",
    arguments: [
      (Float(2.9), DType.i8, 2), (-2.9, .i8, 0xFE), (127.9, .i8, 127), (1e9, .i8, 127),
      (-1e9, .i8, 0x80), (-1, .u8, 0), (.infinity, .u16, 0xFFFF), (3e9, .i32, 0x7FFF_FFFF),
      (0.5, .bool, 1), (-0.0, .bool, 0), (1e30, .u64, .max),
    ] as [(Float, DType, UInt64)], Kernels.levels.indices)
  func toIntegers(_ fact: (Float, DType, UInt64), level: Int) throws {
    let found = try Self.convert(UInt64(fact.0.bitPattern), .f32, to: fact.1, level: level)
    #expect(found == fact.2)
  }

  @Test(
    "values round to the nearest of a narrow dtype, ties to the even code",
    arguments: [
      // E2M1: 0, 0.5, 1, 1.5, 2, 3, 4, 6.
      (Float(0.25), DType.f4, 0), (0.75, .f4, 2), (1.25, .f4, 2), (1.75, .f4, 4), (2.5, .f4, 4),
      (3.5, .f4, 6), (5, .f4, 6), (5.01, .f4, 7), (100, .f4, 7), (-100, .f4, 15),
      // E4M3: 448 is the largest value; from 464 on the nearest would be out of range.
      (448, .f8E4M3, 0x7E), (1000, .f8E4M3, 0x7E), (0x1p-9, .f8E4M3, 1), (0x1p-10, .f8E4M3, 0),
      (57344, .f8E5M2, 0x7B), (61440, .f8E5M2, 0x7C), (1, .f8E8M0, 127), (1.5, .f8E8M0, 128),
      (1.49, .f8E8M0, 127), (7.5, .f6E2M3, 31), (28, .f6E3M2, 31),
    ] as [(Float, DType, UInt64)], Kernels.levels.indices)
  func narrow(_ fact: (Float, DType, UInt64), level: Int) throws {
    let found = try Self.convert(UInt64(fact.0.bitPattern), .f32, to: fact.1, level: level)
    #expect(found == fact.2)
  }

  @Test(
    "values are clamped to the largest finite value on request",
    arguments: [
      (Float.infinity, DType.f16, 0x7BFF), (-.infinity, .bf16, 0xFF7F), (1e6, .f8E5M2, 0x7B),
      (1e6, .f8E4M3FNUZ, 0x7F), (-1e9, .f8E5M2FNUZ, 0xFF),
    ] as [(Float, DType, UInt64)], Kernels.levels.indices)
  func saturating(_ fact: (Float, DType, UInt64), level: Int) throws {
    let found = try Self.convert(
      UInt64(fact.0.bitPattern), .f32, to: fact.1, saturating: true, level: level)
    #expect(found == fact.2)
  }

  @Test("F4 and F6 are packed from the low bits up", arguments: Kernels.levels.indices)
  func packing(level: Int) throws {
    // 1 and -6 as float16: codes 2 and 15.
    #expect(try Self.convert(0xC600_3C00, .f16, to: .f4, count: 2, level: level) == 0xF2)
    // 0, 1, 2, 3 of E2M3: codes 0, 8, 16, 20, six bits each.
    let four: UInt64 = 0x4200_4000_3C00_0000
    let expected: UInt64 = 0 | 8 << 6 | 16 << 12 | 20 << 18
    #expect(try Self.convert(four, .f16, to: .f6E2M3, count: 4, level: level) == expected)
    #expect(try Self.convert(expected, .f6E2M3, to: .f16, count: 4, level: level) == four)
  }

  @Test(
    "a NaN is rejected by a dtype that has none",
    arguments: [DType.f4, .f6E2M3, .f6E3M2, .i8, .u64],
    Kernels.levels.indices)
  func nan(dtype: DType, level: Int) {
    #expect(throws: Kernels.ConversionError.nanNotRepresentable) {
      try Self.convert(UInt64(Float.nan.bitPattern), .f32, to: dtype, count: 1, level: level)
    }
  }
}
