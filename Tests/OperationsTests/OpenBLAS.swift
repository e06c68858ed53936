import BLAS
import Base
import Testing

extension Trait where Self == ConditionTrait {
  /// Skips tests if OpenBLAS is not installed; `Scripts/install-packages` installs it.
  static var needsOpenBLAS: Self {
    .enabled(if: OpenBLAS.isInstalled, "libopenblas.so.0 is not installed")
  }
}

/// The library of matrix products.
private enum OpenBLAS {
  static let isInstalled: Bool = {
    do throws(BLASError) {
      _ = try BLAS.load(crew: Crew(jobs: 1, cancellation: Cancellation()))
      return true
    } catch {
      if case .missing = error.problem { return false }
      return true
    }
  }()
}
