import BLAS
import Base
import Reporting

/// The facts about OpenBLAS, which computes matrix products: its version, its core, and its speed beside the highest
/// rate of the processor.
struct OpenBLASCheck {
  private static let duration = Duration.milliseconds(100)

  let facts: [Section.Fact]

  /// - Throws: ``InterruptedError`` if a stop is requested.
  init(_ cancellation: Cancellation) throws {
    let blas: BLAS
    do throws(BLASError) {
      blas = try BLAS.load(crew: Crew(jobs: 1, cancellation: cancellation))
    } catch {
      facts = [Section.Fact("OpenBLAS", Self.text(error))]
      return
    }
    let library = blas.library
    let speed = try ProductSpeed(blas, duration: Self.duration)
    let share = (100 * speed.productRate / speed.peakRate).formatted(digits: 2)
    facts = [
      Section.Fact(
        "OpenBLAS",
        """
        \(library.version), \(library.path.printable), core \(library.coreName), \
        \(SelfTest.productCount) products of the self-test are right
        """),
      Section.Fact("multiply-adds", "\(speed.peakRate.formatted(digits: 3)) GFLOP/s in registers"),
      Section.Fact(
        "matrix product", "\(speed.productRate.formatted(digits: 3)) GFLOP/s, \(share) % of that"),
    ]
  }

  private static func text(_ error: BLASError) -> String {
    if case .missing = error.problem {
      return "not installed; matrix products need it: apt install \(BLASError.packageName)"
    }
    return error.message.text(.commandLine)
      + (error.hint.map { "; " + $0.text(.commandLine) } ?? "")
  }
}
