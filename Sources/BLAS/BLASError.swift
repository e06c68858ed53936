package import Base

/// A reason for which matrix products cannot be computed with OpenBLAS.
package struct BLASError: UserError, Equatable {
  package enum Problem: Equatable, Sendable {
    /// The dynamic linker did not load the library; the text is its own.
    case missing(String)
    /// The library lacks a function.
    case missingFunction(String)
    /// The library has 64-bit integers or no locks.
    case unsuitableBuild(configuration: String, fault: String)
    case unknownCore(String)
    case contradictingCore(String, portable: String)
    case unsupportedCore(String, missing: [String], isOfUser: Bool)
    /// The library uses another core than the one that was requested.
    case ignoredCore(requested: String, used: String)
    /// The process has loaded the library with another core before.
    case loadedCore(requested: String, used: String)
    /// A product of the self-test is wrong. The error and the limit are relative to the bound of the product.
    case wrongProduct(String, core: String, error: Double, limit: Double)
  }

  package var problem: Problem
  /// The path of the library, if it was loaded.
  package var path: String?

  package init(_ problem: Problem, path: String? = nil) {
    self.problem = problem
    self.path = path
  }

  /// The Debian package of the library.
  package static let packageName = "libopenblas0"

  package var status: ExitStatus {
    switch problem {
    case .missing, .missingFunction, .unsuitableBuild, .ignoredCore, .wrongProduct: .inputOutput
    case .unknownCore, .contradictingCore, .unsupportedCore, .loadedCore: .usage
    }
  }

  package var facts: ErrorFacts { ErrorFacts(code: status.name, path: path) }

  package var message: Message {
    let place = path.map { $0.printable + ": " } ?? ""
    let text: Message =
      switch problem {
      case .missing(let text):
        "matrix products need OpenBLAS, which cannot be loaded (\(text.printable))"
      case .missingFunction(let name): "this OpenBLAS has no function \(name)"
      case .unsuitableBuild(let configuration, let fault):
        "this build of OpenBLAS cannot be used, because \(fault) (\(configuration.printable))"
      case .unknownCore(let name):
        "OPENBLAS_CORETYPE is '\(name.printable)', which is not a known core"
      case .contradictingCore(let name, let portable):
        """
        OPENBLAS_CORETYPE is \(name), but \(setting: "kernels", "portable") needs \(portable)
        """
      case .unsupportedCore(let name, let missing, let isOfUser):
        isOfUser
          ? "OPENBLAS_CORETYPE is \(name), but this processor lacks \(list(missing))"
          : """
          \(setting: "kernels", "portable") needs the core \(name), but this processor lacks \
          \(list(missing))
          """
      case .ignoredCore(let requested, let used):
        "OpenBLAS was asked for the core \(requested), but uses \(used)"
      case .loadedCore(let requested, let used):
        "OpenBLAS is in use with the core \(used), and a process cannot change it to \(requested)"
      case .wrongProduct(let product, let core, let error, let limit):
        """
        with the core \(core), OpenBLAS computes \(product) wrongly: the error is \(error.short) \
        times the rounding bound, at most \(limit.short) is expected
        """
      }
    return Message(place) + text
  }

  private func list(_ names: [String]) -> String { names.joined(separator: ", ") }

  package var hint: Message? {
    switch problem {
    case .missing: "install it, on Debian and Ubuntu with: apt install \(Self.packageName)"
    case .missingFunction, .unsuitableBuild:
      "install the build with threads, on Debian and Ubuntu with: apt install libopenblas0-pthread"
    case .unknownCore:
      """
      unset OPENBLAS_CORETYPE, or set it to one of \
      \(list(OpenBLASCore.allCases.map(\.rawValue)))
      """
    case .contradictingCore(_, let portable): "unset OPENBLAS_CORETYPE, or set it to \(portable)"
    case .unsupportedCore(_, _, let isOfUser):
      isOfUser ? "unset OPENBLAS_CORETYPE" : "use \(setting: "kernels", "native")"
    case .ignoredCore:
      "this OpenBLAS may be too old or built for one processor; install a newer \(Self.packageName)"
    case .loadedCore: "run the jobs in separate processes, or give all of them the same kernels"
    case .wrongProduct(_, let core, _, _):
      core == OpenBLASCore.portable.rawValue
        ? "install a newer \(Self.packageName)"
        : "use \(setting: "kernels", "portable"), or install a newer \(Self.packageName)"
    }
  }
}
