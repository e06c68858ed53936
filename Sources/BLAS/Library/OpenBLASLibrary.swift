import Base
import CLinux
import Glibc

/// The functions of OpenBLAS, from the shared library.
///
/// Other files define the functions of LAPACK. The program does not depend on the library unless it computes.
@safe package struct OpenBLASLibrary: @unchecked Sendable {
  // SAFETY: the functions are constant and the library is never unloaded.
  typealias SingleProduct =
    @convention(c) (
      Int32, Int32, Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>, Int32,
      UnsafePointer<Float>, Int32, Float, UnsafeMutablePointer<Float>, Int32
    ) -> Void
  typealias DoubleProduct =
    @convention(c) (
      Int32, Int32, Int32, Int32, Int32, Int32, Double, UnsafePointer<Double>, Int32,
      UnsafePointer<Double>, Int32, Double, UnsafeMutablePointer<Double>, Int32
    ) -> Void
  private typealias Text = @convention(c) () -> UnsafePointer<CChar>?
  private typealias Count = @convention(c) () -> Int32
  private typealias SetCount = @convention(c) (Int32) -> Void

  static let fileName = "libopenblas.so.0"

  let multiplySingle: SingleProduct
  let multiplyDouble: DoubleProduct
  let lapack: LAPACKFunctions
  /// The path of the library, with links resolved.
  package let path: String
  /// The text of the library about its version and build.
  package let configuration: String
  /// The core in use.
  package let coreName: String

  /// Loads the library, which chooses its kernels by the environment at that moment.
  static func loaded() throws(BLASError) -> OpenBLASLibrary {
    guard let handle = unsafe dlopen(fileName, RTLD_NOW | RTLD_LOCAL) else {
      let reason = unsafe dlerror().map { unsafe String(cString: $0) }
      throw BLASError(.missing(reason ?? fileName))
    }
    let symbols = unsafe LibrarySymbols(handle: handle)
    let path = try symbols.path(of: "cblas_sgemm")
    // SAFETY: the types are those of cblas.h, which have been the same in all versions.
    let parallel = unsafe unsafeBitCast(
      try symbols["openblas_get_parallel", path], to: Count.self)
    let configurationText = unsafe unsafeBitCast(
      try symbols["openblas_get_config", path], to: Text.self)
    let coreText = unsafe unsafeBitCast(
      try symbols["openblas_get_corename", path], to: Text.self)
    let setThreadCount = unsafe unsafeBitCast(
      try symbols["openblas_set_num_threads", path], to: SetCount.self)
    let configuration = unsafe configurationText().map { unsafe String(cString: $0) } ?? ""
    setThreadCount(1)
    let fault: String? =
      if configuration.contains("USE64BITINT") {
        "its integers have 64 bits"
      } else if parallel() == 0, !configuration.contains("USE_LOCKING") {
        "several threads cannot call it at the same time"
      } else {
        nil
      }
    if let fault {
      throw BLASError(.unsuitableBuild(configuration: configuration, fault: fault), path: path)
    }
    return unsafe OpenBLASLibrary(
      multiplySingle: unsafeBitCast(
        try symbols["cblas_sgemm", path], to: SingleProduct.self),
      multiplyDouble: unsafeBitCast(
        try symbols["cblas_dgemm", path], to: DoubleProduct.self),
      lapack: try LAPACKFunctions.found(in: symbols, path: path),
      path: path, configuration: configuration,
      coreName: coreText().map { unsafe String(cString: $0) } ?? "unknown")
  }

  /// The version, such as `0.3.21`.
  package var version: String {
    configuration.split(separator: " ").dropFirst().first.map(String.init) ?? "unknown"
  }
}

/// The symbols of a loaded library.
@safe struct LibrarySymbols {
  private let handle: UnsafeMutableRawPointer

  /// - Parameter handle: A result of dlopen(3) that is never closed.
  @unsafe init(handle: UnsafeMutableRawPointer) { unsafe self.handle = handle }

  /// Returns the address of a function, or throws an error with the path of the library.
  subscript(name: String, path: String?) -> UnsafeMutableRawPointer {
    get throws(BLASError) {
      guard let symbol = unsafe dlsym(handle, name) else {
        throw BLASError(.missingFunction(name), path: path)
      }
      return unsafe symbol
    }
  }

  /// Returns the path of the library that has the function, with links resolved.
  func path(of name: String) throws(BLASError) -> String {
    let symbol = try unsafe self[name, nil]
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    // SAFETY: the function writes a text with its final zero, and at most as many bytes as the array has.
    guard unsafe sumac_library_path(symbol, &buffer, PATH_MAX) == 0 else {
      return OpenBLASLibrary.fileName
    }
    guard let resolved = unsafe realpath(buffer, nil) else {
      return OpenBLASLibrary.fileName
    }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }
}
