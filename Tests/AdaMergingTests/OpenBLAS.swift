import BLAS
import Base
import Networks
import Testing

/// The library of matrix products, with crews of several sizes.
enum OpenBLAS {
  static let isInstalled: Bool = {
    do throws(BLASError) {
      _ = try BLAS.load(crew: Crew(jobs: 1, cancellation: Cancellation()))
      return true
    } catch {
      if case .missing = error.problem { return false }
      return true
    }
  }()

  static func compute(jobs: Int = 1) throws -> Compute {
    Compute(try BLAS.load(crew: Crew(jobs: jobs, cancellation: Cancellation())))
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips tests if OpenBLAS is not installed; `Scripts/install-packages` installs it.
  static var needsOpenBLAS: Self {
    .enabled(if: OpenBLAS.isInstalled, "libopenblas.so.0 is not installed")
  }
}
