import CRepeats
import Glibc
import TensorCore

/// The C loops over texts and tokens for one CPU level. All levels give equal results; tests run every one.
@safe package struct RepeatKernels: @unchecked Sendable {
  // SAFETY: the table is constant and lives as long as the program.
  private let table: UnsafePointer<sumac_repeat_kernels>

  /// The levels that this machine supports, in ascending order.
  package static let levels: [RepeatKernels] = (0..<sumac_repeat_kernels_count()).map {
    unsafe RepeatKernels(table: sumac_repeat_kernels_at($0))
  }
  package static let best = levels.last!

  /// Returns the hashes of the words of UTF-8 text, in order.
  ///
  /// A word is a run of ASCII letters and digits, without regard to case, and of all other characters above U+00BF except
  /// general punctuation (U+2000 to U+207F) and that of East Asian scripts (U+3000 to U+303F).
  package func words(_ text: borrowing RawSpan) -> [UInt64] {
    let capacity = text.byteCount / 2 + 1
    // SAFETY: a word and the separator before it take two bytes, so that the array has room for all words.
    return unsafe text.withUnsafeBytes { text in
      unsafe [UInt64](unsafeUninitializedCapacity: capacity) { hashes, count in
        count = unsafe table.pointee.hash_words(text.baseAddress, text.count, hashes.baseAddress)
      }
    }
  }

  /// Returns the place after the last separator of words in UTF-8 whose last character may be cut, or 0 if there is none.
  package func wordEnd(in text: borrowing RawSpan) -> Int {
    // SAFETY: the loop reads only the region.
    unsafe text.withUnsafeBytes { unsafe table.pointee.word_end($0.baseAddress, $0.count) }
  }

  /// Returns a hash of each byte.
  package func bytes(_ bytes: borrowing RawSpan) -> [UInt64] {
    // SAFETY: both regions have as many elements as there are bytes.
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe [UInt64](unsafeUninitializedCapacity: bytes.count) { hashes, count in
        unsafe table.pointee.hash_bytes(bytes.baseAddress, bytes.count, hashes.baseAddress)
        count = bytes.count
      }
    }
  }

  /// Returns a hash of each token of 32 bits.
  package func tokens(_ tokens: borrowing RawSpan) -> [UInt64] {
    let tokenCount = tokens.byteCount / 4
    // SAFETY: both regions have as many elements as there are whole tokens.
    return unsafe tokens.withUnsafeBytes { tokens in
      unsafe [UInt64](unsafeUninitializedCapacity: tokenCount) { hashes, count in
        unsafe table.pointee.hash_tokens(tokens.baseAddress, tokenCount, hashes.baseAddress)
        count = tokenCount
      }
    }
  }

  /// Returns the hash of each run of `width` units; none if there are fewer.
  package func runs(of units: [UInt64], width: Int) -> [UInt64] {
    precondition(width > 0)
    guard units.count >= width else { return [] }
    let runCount = units.count - width + 1
    // SAFETY: the loop reads the units and writes one hash for each run.
    return unsafe units.withUnsafeBufferPointer { units in
      unsafe [UInt64](unsafeUninitializedCapacity: runCount) { hashes, count in
        unsafe table.pointee.roll(units.baseAddress!, units.count, width, hashes.baseAddress!)
        count = runCount
      }
    }
  }

  /// Lowers each minimum to the smallest number that its permutation gives for one of the shingles.
  func lower(_ minima: inout [UInt32], by scheme: MinHashScheme, _ shingles: [UInt64]) {
    precondition(minima.count == scheme.factors.count && minima.count % 32 == 0)
    precondition(scheme.terms.count == minima.count)
    // SAFETY: the preconditions give the three arrays one length, a multiple of 32.
    unsafe minima.withUnsafeMutableBufferPointer { minima in
      unsafe scheme.factors.withUnsafeBufferPointer { factors in
        unsafe scheme.terms.withUnsafeBufferPointer { terms in
          unsafe shingles.withUnsafeBufferPointer { shingles in
            unsafe table.pointee.min_hash(
              minima.baseAddress!, factors.baseAddress!, terms.baseAddress!, minima.count,
              shingles.baseAddress, shingles.count)
          }
        }
      }
    }
  }

  /// Returns true if `count` bytes of two arrays are equal.
  static func areEqual(
    _ a: [UInt8], at aStart: Int, _ b: [UInt8], at bStart: Int, count: Int
  ) -> Bool {
    precondition(aStart >= 0 && bStart >= 0 && count > 0)
    precondition(count <= a.count - aStart && count <= b.count - bStart)
    // SAFETY: the preconditions keep the comparison inside both arrays.
    return unsafe a.withUnsafeBytes { a in
      unsafe b.withUnsafeBytes { b in
        unsafe memcmp(a.baseAddress! + aStart, b.baseAddress! + bStart, count) == 0
      }
    }
  }

  /// Returns the hash of a sequence with the hash `start` that is followed by `units`.
  static func fold(_ units: [UInt64], base: UInt64, after start: UInt64 = 0) -> UInt64 {
    // SAFETY: the loop reads only the array.
    unsafe units.withUnsafeBufferPointer {
      unsafe sumac_fold($0.baseAddress, $0.count, base, start)
    }
  }

  /// Returns the places of the minima of all runs of `window` hashes, the last of equal ones, in ascending order.
  package static func minima(of hashes: [UInt64], window: Int) -> [UInt32] {
    guard hashes.count >= window, window > 0 else { return [] }
    precondition(hashes.count < 1 << 32)
    // SAFETY: there are not more places than hashes.
    return unsafe hashes.withUnsafeBufferPointer { hashes in
      unsafe [UInt32](unsafeUninitializedCapacity: hashes.count) { places, count in
        count = unsafe sumac_minima(
          hashes.baseAddress!, hashes.count, window, places.baseAddress!)
      }
    }
  }
}
