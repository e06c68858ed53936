import BLAS
import Base
import TensorCore
import TestSupport
import Testing

@Suite(.needsOpenBLAS) struct LibraryTests {
  @Test("the library states its version, its place and its core")
  func facts() throws {
    let library = try OpenBLAS.load().library
    #expect(library.version.hasPrefix("0."))
    #expect(library.path.hasPrefix("/") && library.path.contains("openblas"))
    #expect(OpenBLASCore.named(library.coreName) != nil)
  }

  @Test("the self-test passes, and fails below the rounding with the name of the product")
  func selfTest() throws {
    let library = try OpenBLAS.load().library
    try SelfTest(library).run()
    let error = #expect(throws: BLASError.self) { try SelfTest(library, limit: 1e-4).run() }
    guard case .wrongProduct(let product, let core, let found, let limit) = error?.problem else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(product.hasPrefix("a product of ") && product.contains(" in float"))
    #expect(core == library.coreName && limit == 1e-4 && found > limit && found < 1)
  }

  @Test("a process keeps the core that it has loaded")
  func otherCore() throws {
    let library = try OpenBLAS.load().library
    let crew = Crew(jobs: 1, cancellation: Cancellation())
    if library.coreName == OpenBLASCore.portable.rawValue {
      #expect(try BLAS.load(.portable, crew: crew).library.coreName == library.coreName)
    } else {
      #expect(throws: BLASError.self) { try BLAS.load(.portable, crew: crew) }
    }
  }

  @Test("speeds are above zero")
  func speed() throws {
    let speed = try ProductSpeed(OpenBLAS.load(), duration: .milliseconds(5))
    #expect(speed.productRate > 0 && speed.peakRate > 0)
  }

  @Test("rounds of multiply-adds are counted by the length of the vectors")
  func rounds() {
    for (kernels, bytes) in zip(Kernels.levels, [16, 32, 64]) {
      #expect(kernels.multiplyAdd(rounds: 10) == Double(2 * 12 * bytes / 4 * 10))
    }
  }
}
