import Base
import Glibc
import Synchronization
import TensorCore

/// The OpenBLAS of this process. It is loaded once, with one core.
enum OpenBLASProcess {
  private struct Loaded {
    var core: OpenBLASCore
    var library: OpenBLASLibrary
    /// The error of the self-test, if it failed.
    var fault: BLASError?
  }

  private static let loaded = Mutex<Loaded?>(nil)

  /// Returns the library with the core for `choice`. The first call loads and tests it, which takes about 30 ms.
  static func library(_ choice: KernelChoice) throws(BLASError) -> OpenBLASLibrary {
    let result = loaded.withLock { loaded in
      Result { () throws(BLASError) in try library(choice, &loaded) }
    }
    return try result.get()
  }

  private static func library(
    _ choice: KernelChoice, _ loaded: inout Loaded?
  ) throws(BLASError) -> OpenBLASLibrary {
    let core = try OpenBLASCore.chosen(
      for: choice, requested: environment(coreVariable), on: .current)
    if let loaded {
      guard loaded.core == core else {
        throw BLASError(
          .loadedCore(requested: core.rawValue, used: loaded.core.rawValue),
          path: loaded.library.path)
      }
      if let fault = loaded.fault { throw fault }
      return loaded.library
    }
    let library = try self.library(with: core)
    var state = Loaded(core: core, library: library)
    do throws(BLASError) { try SelfTest(library).run() } catch { state.fault = error }
    loaded = state
    if let fault = state.fault { throw fault }
    return library
  }

  private static let coreVariable = "OPENBLAS_CORETYPE"

  private static func library(with core: OpenBLASCore) throws(BLASError) -> OpenBLASLibrary {
    // With more threads, OpenBLAS would start its own while it is loaded.
    let settings = [
      coreVariable: core.rawValue, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
    ]
    let before = settings.mapValues { _ in String?.none }.merging(
      settings.keys.map { ($0, environment($0)) }, uniquingKeysWith: { $1 })
    for (name, value) in settings { set(name, value) }
    defer { for (name, value) in before { set(name, value) } }
    let library = try OpenBLASLibrary.loaded()
    guard library.coreName.lowercased() == core.rawValue.lowercased() else {
      throw BLASError(
        .ignoredCore(requested: core.rawValue, used: library.coreName), path: library.path)
    }
    return library
  }

  private static func set(_ name: String, _ value: String?) {
    // SAFETY: no other thread may use the environment meanwhile, as `BLAS.load` documents.
    if let value { unsafe setenv(name, value, 1) } else { unsafe unsetenv(name) }
  }

  private static func environment(_ name: String) -> String? {
    // SAFETY: only `library(with:)` changes the environment, with the mutex locked as here.
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }
}
