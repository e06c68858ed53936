import BLAS
import Base
import TensorCore
import Testing

@Suite struct CoreTests {
  static let haswell: ProcessorFeatures = [.sse3, .ssse3, .sse41, .sse42, .avx, .avx2, .fma]
  static let skylake = haswell.union(.avx512)

  struct Case: Sendable {
    var choice = KernelChoice.native
    var requested: String?
    var features: ProcessorFeatures
    var core: String
  }

  #if arch(x86_64)
    @Test(
      "the core follows from the processor, the choice and the environment",
      arguments: [
        Case(features: skylake, core: "SkylakeX"), Case(features: haswell, core: "Haswell"),
        Case(features: [.sse3, .ssse3, .sse41, .sse42, .avx], core: "Sandybridge"),
        Case(features: [.sse3, .ssse3, .sse41, .sse42], core: "Nehalem"),
        Case(features: [.sse3], core: "Prescott"),
        Case(choice: .portable, features: skylake, core: "Haswell"),
        Case(requested: "", features: skylake, core: "SkylakeX"),
        Case(requested: "zen", features: haswell, core: "Zen"),
        Case(requested: "PRESCOTT", features: skylake, core: "Prescott"),
        Case(choice: .portable, requested: "haswell", features: skylake, core: "Haswell"),
      ])
    func core(test: Case) throws {
      let core = try OpenBLASCore.chosen(
        for: test.choice, requested: test.requested, on: test.features)
      #expect(core.rawValue == test.core)
    }

    @Test("a core that this processor cannot run is refused before the library is loaded")
    func unsupported() {
      #expect(
        throws: BLASError(
          .unsupportedCore("SkylakeX", missing: ["AVX-512"], isOfUser: true))
      ) {
        try OpenBLASCore.chosen(for: .native, requested: "skylakex", on: Self.haswell)
      }
      #expect(
        throws: BLASError(
          .unsupportedCore("Haswell", missing: ["FMA", "AVX2"], isOfUser: false))
      ) {
        try OpenBLASCore.chosen(for: .portable, requested: nil, on: [.sse3, .sse42, .avx])
      }
    }

    @Test("a core that OpenBLAS would ignore is refused", arguments: ["Foo", "Athlon", "Haswell "])
    func unknown(name: String) {
      #expect(throws: BLASError(.unknownCore(name))) {
        try OpenBLASCore.chosen(for: .native, requested: name, on: Self.haswell)
      }
    }

    @Test("a core of the environment that is not the portable one contradicts the choice")
    func contradiction() {
      #expect(throws: BLASError(.contradictingCore("Zen", portable: "Haswell"))) {
        try OpenBLASCore.chosen(for: .portable, requested: "Zen", on: Self.haswell)
      }
    }
  #endif

  @Test("the last core of the native ones runs on every processor of its kind")
  func fallback() {
    #expect(OpenBLASCore.native.last?.required.isSubset(of: [.sse3]) == true)
  }

  @Test("every error names what to do")
  func hints() {
    let problems: [BLASError.Problem] = [
      .missing("no file"), .missingFunction("dgeev_"),
      .unsuitableBuild(configuration: "OpenBLAS 0.3", fault: "it is slow"), .unknownCore("Foo"),
      .contradictingCore("Zen", portable: "Haswell"),
      .unsupportedCore("SkylakeX", missing: ["AVX-512"], isOfUser: true),
      .unsupportedCore("Haswell", missing: ["AVX2"], isOfUser: false),
      .ignoredCore(requested: "Zen", used: "Prescott"),
      .loadedCore(requested: "Zen", used: "Haswell"),
      .wrongProduct("a product", core: "SkylakeX", error: 1e6, limit: 2),
      .wrongProduct("a product", core: "Haswell", error: .nan, limit: 2),
    ]
    for problem in problems {
      let error = BLASError(problem, path: "/lib/libopenblas.so.0")
      #expect(error.message.contains("/lib/libopenblas.so.0: "))
      #expect(error.hint != nil)
    }
    #expect(BLASError(.missing("no file")).hint?.contains("libopenblas0") == true)
  }
}
