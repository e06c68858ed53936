import BLAS
import Base
import Testing

/// The library under test, with crews of several sizes.
enum OpenBLAS {
  /// The reason for which the library is not available; nil if it is.
  static let absence: String? = {
    do {
      _ = try BLAS.load(crew: Crew(jobs: 1, cancellation: Cancellation()))
      return nil
    } catch {
      if case .missing = error.problem { return "\(error)" }
      return nil
    }
  }()

  static var isInstalled: Bool { absence == nil }

  static func load(jobs: Int = 1) throws -> BLAS {
    try BLAS.load(crew: Crew(jobs: jobs, cancellation: Cancellation()))
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips a test if OpenBLAS is not installed; `Scripts/install-packages` installs it.
  static var needsOpenBLAS: Self {
    .enabled(if: OpenBLAS.isInstalled, "libopenblas.so.0 is not installed")
  }
}
