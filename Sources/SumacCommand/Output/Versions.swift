import Checkpoints
import Inspection

enum Versions {
  /// The versions that the bytes of an output depend on.
  static let shapingOutput = [
    Lineage.Option("sumac", Version.current), Lineage.Option("zstd", Diagnosis.zstdVersion),
  ]
}
