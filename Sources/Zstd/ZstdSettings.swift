/// Compression parameters. They are fixed, so that one version of libzstd always produces the same bytes.
package struct ZstdSettings: Hashable, Sendable {
  var level: Int32
  var literalOnly: Bool
  /// True if each frame ends with a checksum of its content.
  var hasChecksum = false

  /// Entropy coding with almost no match finding: the best ratio for exponent planes, at several times the speed of
  /// level 1 (strategy fast, minMatch 7, hashLog 6, chainLog 6, windowLog 17).
  package static let literals = ZstdSettings(level: 1, literalOnly: true)
  /// Match finding for repetitive data: metadata, integers, pruned weights.
  package static let matches = ZstdSettings(level: 12, literalOnly: false)

  /// Match finding at the speed of level 1, for data that already shrinks well without it.
  package static let quickMatches = ZstdSettings(level: 1, literalOnly: false)

  /// The level that the zstd program uses unless another one is named, with a checksum in each frame, for archives.
  package static let archive = ZstdSettings(level: 3, literalOnly: false, hasChecksum: true)

  /// An upper bound for the memory of a decompression context, in bytes.
  package static let decompressionByteCount = 256 << 10
}
