package import Base

/// Matrix products and decompositions by OpenBLAS, with work that is divided by shape alone.
///
/// Results depend on the inputs, the core and the version of OpenBLAS, and not on the number of threads.
package final class BLAS: Sendable {
  package let library: OpenBLASLibrary
  package let crew: Crew

  private init(_ library: OpenBLASLibrary, _ crew: Crew) {
    self.library = library
    self.crew = crew
  }

  /// Returns OpenBLAS with the given kernels. The first call in a process loads the library and tests it.
  ///
  /// The first call changes environment variables while it loads, and restores them. No other thread may read or change
  /// the environment meanwhile.
  /// - Throws: ``BLASError`` if the library is missing or unsuitable, if the processor cannot run the kernels, if they
  ///   compute a product of the self-test wrongly, or if the process uses other kernels already.
  package static func load(_ kernels: KernelChoice = .native, crew: Crew) throws(BLASError) -> BLAS
  {
    BLAS(try OpenBLASProcess.library(kernels), crew)
  }
}
