import CKernels

/// Instructions that this processor has and the operating system supports. Empty on processors other than x86-64.
package struct ProcessorFeatures: OptionSet, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  private init(_ bit: Int) { rawValue = UInt32(bit) }

  package static let sse3 = Self(SUMAC_SSE3)
  package static let ssse3 = Self(SUMAC_SSSE3)
  package static let sse41 = Self(SUMAC_SSE4_1)
  package static let sse42 = Self(SUMAC_SSE4_2)
  package static let sse4a = Self(SUMAC_SSE4A)
  package static let avx = Self(SUMAC_AVX)
  package static let fma4 = Self(SUMAC_FMA4)
  package static let fma = Self(SUMAC_FMA)
  package static let avx2 = Self(SUMAC_AVX2)
  /// AVX-512 F, CD, BW, DQ and VL.
  package static let avx512 = Self(SUMAC_AVX512)
  package static let avx512VNNI = Self(SUMAC_AVX512_VNNI)
  package static let avx512BF16 = Self(SUMAC_AVX512_BF16)
  package static let avx512FP16 = Self(SUMAC_AVX512_FP16)

  package static let current = Self(rawValue: sumac_processor_features())

  /// The names of the features, in the order of the bits.
  package var names: [String] {
    Self.all.compactMap { contains($0.feature) ? $0.name : nil }
  }

  private static let all: [(feature: Self, name: String)] = [
    (.sse3, "SSE3"), (.ssse3, "SSSE3"), (.sse41, "SSE4.1"), (.sse42, "SSE4.2"),
    (.sse4a, "SSE4a"), (.avx, "AVX"), (.fma4, "FMA4"), (.fma, "FMA"), (.avx2, "AVX2"),
    (.avx512, "AVX-512"), (.avx512VNNI, "AVX-512 VNNI"), (.avx512BF16, "AVX-512 BF16"),
    (.avx512FP16, "AVX-512 FP16"),
  ]
}
