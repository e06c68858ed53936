import Zstd

/// The version of sumac, for lineages and `--version`.
package enum Version {
  package static let current = "0.1.0"

  /// The versions that affect the bytes of an output.
  package static let shapingOutput = [
    Lineage.Option("sumac", current), Lineage.Option("zstd", Zstd.version),
  ]
}
