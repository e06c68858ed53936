import Zstd

/// The version of sumac, in lineages and `--version`.
package enum Version {
  package static let current = "0.1.0"

  /// The versions that the bytes of an output depend on.
  package static let shapingOutput = [
    Lineage.Option("sumac", current), Lineage.Option("zstd", Zstd.version),
  ]
}
