package import TensorCore

/// A set of kernels in OpenBLAS, by the name that `OPENBLAS_CORETYPE` has for it.
package enum OpenBLASCore: String, CaseIterable, Sendable {
  #if arch(arm64)
    case armV8 = "ARMV8"
  #else
    case prescott = "Prescott"
    case core2 = "Core2"
    case penryn = "Penryn"
    case dunnington = "Dunnington"
    case nehalem = "Nehalem"
    case barcelona = "Barcelona"
    case sandybridge = "Sandybridge"
    case bulldozer = "Bulldozer"
    case piledriver = "Piledriver"
    case steamroller = "Steamroller"
    case haswell = "Haswell"
    case excavator = "Excavator"
    case zen = "Zen"
    case skylakeX = "SkylakeX"
    case cooperlake = "Cooperlake"
    case sapphireRapids = "SapphireRapids"
  #endif

  /// The instructions that the kernels use. Without one of them they end the process.
  package var required: ProcessorFeatures {
    #if arch(arm64)
      []
    #else
      switch self {
      case .prescott: [.sse3]
      case .core2: [.sse3, .ssse3]
      case .penryn, .dunnington: [.sse3, .ssse3, .sse41]
      case .nehalem: [.sse3, .ssse3, .sse41, .sse42]
      case .barcelona: [.sse3, .sse4a]
      case .sandybridge: [.sse3, .ssse3, .sse41, .sse42, .avx]
      case .bulldozer: [.avx, .fma4]
      case .piledriver, .steamroller: [.avx, .fma4, .fma]
      case .excavator: [.avx2, .fma4, .fma]
      case .haswell, .zen: [.avx2, .fma]
      case .skylakeX: [.avx2, .fma, .avx512]
      case .cooperlake: [.avx2, .fma, .avx512, .avx512VNNI, .avx512BF16]
      case .sapphireRapids:
        [.avx2, .fma, .avx512, .avx512VNNI, .avx512BF16, .avx512FP16]
      }
    #endif
  }

  /// The cores of `KernelChoice.native`, the best first; the last one runs on every processor.
  ///
  /// Zen is not among them: it has the kernels of Haswell, and its small products are slower.
  package static var native: [Self] {
    #if arch(arm64)
      [.armV8]
    #else
      [.skylakeX, .haswell, .sandybridge, .nehalem, .prescott]
    #endif
  }

  /// The core of `KernelChoice.portable`.
  package static var portable: Self {
    #if arch(arm64)
      .armV8
    #else
      .haswell
    #endif
  }

  /// Finds a core by its name in either case, as OpenBLAS does.
  package static func named(_ name: String) -> Self? {
    allCases.first { $0.rawValue.lowercased() == name.lowercased() }
  }

  /// Returns the core for `choice` on a processor.
  ///
  /// - Parameter requested: The value of `OPENBLAS_CORETYPE` in the environment, nil or empty if it is not set. It
  ///   replaces the choice `native`.
  /// - Throws: ``BLASError`` if the request is unknown or contradicts the choice, or if the processor cannot run it.
  package static func chosen(
    for choice: KernelChoice, requested: String?, on features: ProcessorFeatures
  ) throws(BLASError) -> Self {
    let core: Self
    if let requested, !requested.isEmpty {
      guard let named = named(requested) else { throw BLASError(.unknownCore(requested)) }
      guard choice == .native || named == portable else {
        throw BLASError(.contradictingCore(named.rawValue, portable: portable.rawValue))
      }
      core = named
    } else {
      switch choice {
      case .native: core = native.first { $0.required.isSubset(of: features) } ?? native.last!
      case .portable: core = portable
      }
    }
    let missing = core.required.subtracting(features)
    guard missing.isEmpty else {
      let isOfUser = requested.map { !$0.isEmpty } ?? false
      throw BLASError(
        .unsupportedCore(core.rawValue, missing: missing.names, isOfUser: isOfUser))
    }
    return core
  }
}
