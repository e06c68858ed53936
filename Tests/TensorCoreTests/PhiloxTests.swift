import Base
import TensorCore
import Testing

@Suite("Counter-based random numbers")
struct PhiloxTests {
  /// A row of the known-answer table of Random123.
  struct KnownAnswer: Sendable {
    var low: UInt64
    var high: UInt64
    var key: (UInt32, UInt32)
    var block: SIMD4<UInt32>
  }

  @Test(
    "Philox4x32-10 returns the known answers of Random123",
    arguments: [
      KnownAnswer(
        low: 0, high: 0, key: (0, 0),
        block: [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]),
      KnownAnswer(
        low: .max, high: .max, key: (.max, .max),
        block: [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]),
      KnownAnswer(
        low: 0x85A3_08D3_243F_6A88, high: 0x0370_7344_1319_8A2E, key: (0xA409_3822, 0x299F_31D0),
        block: [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1]),
    ])
  func knownAnswers(_ answer: KnownAnswer) {
    let generator = Philox4x32(key: answer.key)
    #expect(generator.block(low: answer.low, high: answer.high) == answer.block)
  }

  /// The bytes are 1, 8, 15, ... modulo 256; the hashes are those of the reference implementation.
  @Test(
    "XXH64 returns the hashes of the reference for every kind of length",
    arguments: [
      (0, 0, 0xEF46_DB37_51D8_E999), (0, 0x9E37_79B9_7F4A_7C15, 0xC434_9FC9_3C01_0000),
      (1, 0, 0x8A41_2781_1B21_E730), (3, 0, 0xB6E6_C910_C2FD_373A),
      (4, 0, 0x22ED_A2CF_6AF4_C124), (7, 0x9E37_79B9_7F4A_7C15, 0x320E_869C_7A22_C2BA),
      (8, 0, 0xC6F1_803A_5E0B_3222), (15, 0, 0x514C_6F58_D37C_E6F1),
      (31, 0, 0x6AB1_C40E_29F5_0073), (32, 0, 0x5A07_56FB_E9EC_D3D1),
      (32, 0x9E37_79B9_7F4A_7C15, 0x0FDB_C75C_BF63_F5BD), (33, 0, 0xDC50_CDC3_7BB9_C183),
      (63, 0, 0x10DD_9488_5C71_894A), (64, 0, 0x9008_3DA9_CDB9_D795),
      (100, 0, 0xD248_BFC5_208B_0B16), (100, 0x9E37_79B9_7F4A_7C15, 0x8D81_8C65_AB87_3D61),
    ] as [(Int, UInt64, UInt64)])
  func xxh64(count: Int, seed: UInt64, hash: UInt64) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: 7 * $0 + 1) }
    #expect(XXH64.hash(bytes.span, seed: seed) == hash)
  }

  /// The numerators over 2²⁴ are from an independent implementation of both functions.
  @Test(
    "The number of an element depends on name, seed and flat index as documented",
    arguments: [
      ("", 0, 0, 0x66E680), ("w", 0, 0, 0x8719C2), ("w", 0, 1, 0x12933B), ("w", 1, 0, 0xCAB820),
      ("model.layers.0.self_attn.q_proj.weight", 42, 12_345_678_901, 0xE92493),
      ("größe", 7, .max, 0xD8FFB6),
    ] as [(String, UInt64, UInt64, Float)])
  func uniform(name: String, seed: UInt64, index: UInt64, numerator: Float) {
    let random = ElementRandom(tensorName: name, seed: seed)
    #expect(random.uniform(at: index) == numerator / 0x1p24)
  }

  @Test("Numbers are in [0, 1) and evenly distributed", arguments: [0, 1, 0xDEAD_BEEF] as [UInt64])
  func spread(seed: UInt64) {
    let random = ElementRandom(tensorName: "weight", seed: seed)
    var counts = [Int](repeating: 0, count: 16)
    for index in 0..<UInt64(16_000) {
      let value = random.uniform(at: index)
      #expect(value >= 0 && value < 1)
      counts[Int(value * 16)] += 1
    }
    // Seven standard deviations of a count of 1000.
    for count in counts { #expect(abs(count - 1000) < 215) }
  }
}
