/// Parameters of compression, fixed so that the same bytes come out for one version of libzstd.
package struct ZstdSettings: Hashable, Sendable {
  var level: Int32
  var literalOnly: Bool

  /// Entropy coding with hardly any match finding: the best for exponent planes, at several times
  /// the speed of level 1 (strategy fast, minMatch 7, hashLog 6, chainLog 6, windowLog 17).
  package static let literals = ZstdSettings(level: 1, literalOnly: true)
  /// Match finding for data that repeats: metadata, integers, pruned weights.
  package static let matches = ZstdSettings(level: 12, literalOnly: false)

  /// Match finding at the speed of level 1, for what is seen to shrink much anyway.
  package static let quickMatches = ZstdSettings(level: 1, literalOnly: false)

  /// More than a decompression context holds.
  package static let decompressionByteCount = 256 << 10
}
