package import Base

/// The scheme by which near-duplicates are found. It is part of every report, because signatures of different schemes
/// cannot be compared.
///
/// A document is the set of its runs of `shingleLength` words. Permutation i gives a shingle with the hash h the number
/// `factors[i] · ⌊h / 2³²⌋ + terms[i]` modulo 2³²; the signature has the minimum of each. The probability that two
/// minima are equal is the Jaccard similarity of the sets. Documents whose minima are equal in all rows of a band are
/// candidates, and candidates are verified with their sets.
/// Source: Broder, "On the resemblance and containment of documents", 1997; Leskovec, Rajaraman, Ullman, "Mining of
/// Massive Datasets", section 3.4.
package struct MinHashScheme: Sendable, Equatable {
  package static let name = "sumac-affine32"

  /// The number of words in a shingle; a document with fewer words is one shingle.
  package let shingleLength: Int
  package let bandCount: Int
  package let rowCount: Int
  package let seed: UInt64
  package let factors: [UInt32]
  package let terms: [UInt32]

  /// With the default of 32 bands of 4 rows, a pair with the similarity 0.9 is missed with a probability of 1.5e-15, and
  /// one with 0.7 with 1.5e-4.
  /// - Parameter bandCount: The number of bands; the number of permutations, four times as many, is a multiple of 32.
  package init(shingleLength: Int = 3, bandCount: Int = 32, seed: UInt64 = 0) {
    precondition(shingleLength > 0 && bandCount > 0 && bandCount % 8 == 0)
    self.shingleLength = shingleLength
    self.bandCount = bandCount
    rowCount = 4
    self.seed = seed
    let random = Philox4x32(
      key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
    let blocks = (0..<4 * bandCount).map { random.block(low: UInt64($0)) }
    factors = blocks.map { $0.x | 1 }
    terms = blocks.map { $0.y }
  }

  package var permutationCount: Int { factors.count }

  /// Returns the probability that a pair with this similarity becomes a candidate: 1 − (1 − sʳ)ᵇ for b bands of r rows.
  package func probability(ofSimilarity similarity: Double) -> Double {
    var power = 1.0
    for _ in 0..<rowCount { power *= similarity }
    var miss = 1.0
    for _ in 0..<bandCount { miss *= 1 - power }
    return 1 - miss
  }

  var emptySignature: [UInt32] { [UInt32](repeating: .max, count: permutationCount) }

  /// Returns the signature of a set of shingles.
  package func signature(
    of shingles: [UInt64], kernels: RepeatKernels = .best
  ) -> [UInt32] {
    var minima = emptySignature
    kernels.lower(&minima, by: self, shingles)
    return minima
  }

  /// Returns a key for each band of a signature; documents with equal keys are candidates.
  func bandKeys(of signature: [UInt32]) -> [UInt64] {
    (0..<bandCount).map { band in
      var key = UInt64(band) &+ 1
      for row in 0..<rowCount {
        key = (key ^ UInt64(signature[band * rowCount + row])) &* 0x9E37_79B9_7F4A_7C15
        key ^= key >> 29
      }
      return key
    }
  }

  package var json: JSONObject {
    [
      "name": .string(Self.name), "shingle_words": JSONValue(shingleLength),
      "permutations": JSONValue(permutationCount), "bands": JSONValue(bandCount),
      "rows": JSONValue(rowCount), "seed": JSONValue(seed),
      "word_hash": "FNV-1a 64, MurmurHash3 finalizer",
      "probability_at_0.9": JSONValue(probability(ofSimilarity: 0.9)),
      "probability_at_0.7": JSONValue(probability(ofSimilarity: 0.7)),
    ]
  }
}
