package import BLAS
package import Base
package import Networks
package import Testing

/// The library of matrix products, with crews of several sizes.
package enum OpenBLAS {
  fileprivate static let isInstalled: Bool = {
    do throws(BLASError) {
      _ = try BLAS.load(crew: Crew(jobs: 1, cancellation: Cancellation()))
      return true
    } catch {
      if case .missing = error.problem { return false }
      return true
    }
  }()

  package static func load(
    jobs: Int = 1, cancellation: Cancellation = Cancellation()
  ) throws -> BLAS {
    try BLAS.load(crew: Crew(jobs: jobs, cancellation: cancellation))
  }

  package static func compute(
    jobs: Int = 1, cancellation: Cancellation = Cancellation()
  ) throws -> Compute {
    Compute(try load(jobs: jobs, cancellation: cancellation))
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips tests if OpenBLAS is not installed; `Scripts/install-packages` installs it.
  package static var needsOpenBLAS: Self {
    .enabled(if: OpenBLAS.isInstalled, "libopenblas.so.0 is not installed")
  }
}
