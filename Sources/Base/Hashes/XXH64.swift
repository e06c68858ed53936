/// The 64-bit hash of the xxHash specification, in plain Swift. It is used for short keys and to verify the C
/// kernel; use `Kernels.xxh64` for large data.
package enum XXH64 {
  private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
  private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
  private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
  private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

  package static func hash(_ bytes: borrowing RawSpan, seed: UInt64 = 0) -> UInt64 {
    hash(Span(_bytes: copy bytes), seed: seed)
  }

  /// Returns the hash of `bytes`.
  /// - Complexity: O(*n*) time and O(1) space for *n* bytes.
  package static func hash(_ bytes: borrowing Span<UInt8>, seed: UInt64 = 0) -> UInt64 {
    var offset = 0
    var hash = seed &+ prime5
    if bytes.count >= 32 {
      var lanes: [4 of UInt64] = [
        seed &+ prime1 &+ prime2, seed &+ prime2, seed, seed &- prime1,
      ]
      while offset + 32 <= bytes.count {
        for lane in 0..<4 {
          lanes[lane] = round(lanes[lane], word64(bytes, at: offset + 8 * lane))
        }
        offset += 32
      }
      hash =
        rotate(lanes[0], 1) &+ rotate(lanes[1], 7) &+ rotate(lanes[2], 12) &+ rotate(lanes[3], 18)
      for lane in 0..<4 {
        hash = (hash ^ round(0, lanes[lane])) &* prime1 &+ prime4
      }
    }
    hash &+= UInt64(bytes.count)
    while offset + 8 <= bytes.count {
      hash = rotate(hash ^ round(0, word64(bytes, at: offset)), 27) &* prime1 &+ prime4
      offset += 8
    }
    if offset + 4 <= bytes.count {
      hash = rotate(hash ^ (word32(bytes, at: offset) &* prime1), 23) &* prime2 &+ prime3
      offset += 4
    }
    while offset < bytes.count {
      hash = rotate(hash ^ (byte(bytes, at: offset) &* prime5), 11) &* prime1
      offset += 1
    }
    hash = (hash ^ (hash >> 33)) &* prime2
    hash = (hash ^ (hash >> 29)) &* prime3
    return hash ^ (hash >> 32)
  }

  private static func round(_ accumulator: UInt64, _ lane: UInt64) -> UInt64 {
    rotate(accumulator &+ lane &* prime2, 31) &* prime1
  }

  private static func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 {
    word &<< count | word &>> (64 - count)
  }

  private static func word64(_ bytes: borrowing Span<UInt8>, at byteOffset: Int) -> UInt64 {
    word32(bytes, at: byteOffset) | word32(bytes, at: byteOffset + 4) << 32
  }

  private static func word32(_ bytes: borrowing Span<UInt8>, at byteOffset: Int) -> UInt64 {
    byte(bytes, at: byteOffset) | byte(bytes, at: byteOffset + 1) << 8
      | byte(bytes, at: byteOffset + 2) << 16 | byte(bytes, at: byteOffset + 3) << 24
  }

  private static func byte(_ bytes: borrowing Span<UInt8>, at byteOffset: Int) -> UInt64 {
    UInt64(bytes[byteOffset])
  }
}
