// swift-tools-version: 6.2
import PackageDescription

/// What every target is held to: Swift 6 concurrency, marked unsafe code, no warnings.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  //TMP .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
]

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let arguments = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude,
    swiftSettings: strict)
}

let package = Package(
  name: "sumac",
  products: [
    .executable(name: "sumac", targets: ["SumacCommand"]),
    .library(name: "Sumac", targets: ["Sumac"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .target(name: "CKernels"),
    .target(name: "CLinux"),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    module("Zstd", ["CZstd"]),
    module("Base", ["CLinux", system]),
    module("TensorCore", ["Base", "CKernels"]),
    module("Codecs", ["Base", "TensorCore", "Zstd"]),
    module("PackedFormat", ["Codecs", "Base", "TensorCore", "Zstd", crypto, system]),
    module("Checkpoints", ["PackedFormat", "Codecs", "Base", "TensorCore", crypto, system]),
    module("Encoding", ["Checkpoints", "PackedFormat", "Codecs", "Base", "TensorCore", crypto]),
    module("Sumac", ["Encoding", "Checkpoints", "PackedFormat", "Base", "TensorCore"]),
    module("Reporting", ["Base", "TensorCore"]),
    module("Recipes", ["Base", "TensorCore", .product(name: "Yams", package: "Yams")]),
    module("Statistics", ["Checkpoints", "CKernels", "Base", "TensorCore"]),
    module(
      "Conversion",
      [
        "Encoding", "Checkpoints", "PackedFormat", "Codecs", "Reporting", "Base", "TensorCore",
        "Zstd",
        system,
      ]),
    module(
      "Pruning",
      [
        "Statistics", "Encoding", "Checkpoints", "Reporting", "CKernels", "Base", "TensorCore",
        system,
      ]),
    module("Rotary", ["Checkpoints", "Base", "TensorCore"]),
    module("RotaryScaling", ["Rotary", "Checkpoints", "Reporting", "Base", "TensorCore"]),
    module(
      "Merging",
      [
        "Recipes", "Encoding", "PackedFormat", "Checkpoints", "CKernels", "Reporting", "Base",
        "TensorCore",
        system,
      ]),
    module("Caches", ["Checkpoints", "Base", "TensorCore", crypto]),
    module(
      "CacheCompression",
      [
        "Caches", "Checkpoints", "PackedFormat", "Codecs", "Reporting", "Base", "TensorCore",
        crypto,
      ]),
    module(
      "Inspection",
      [
        "Statistics", "Checkpoints", "PackedFormat", "Reporting", "Base", "TensorCore", "Zstd",
        crypto,
        system,
      ]),
    .executableTarget(
      name: "SumacCommand",
      dependencies: [
        "Conversion", "Encoding", "Inspection", "Pruning", "Merging", "Rotary", "RotaryScaling",
        "CacheCompression", "Caches", "Recipes",
        "Statistics",
        "Checkpoints",
        "PackedFormat", "Reporting",
        "Base", "TensorCore", "Zstd", "CLinux", arguments, system,
      ],
      swiftSettings: strict),
    .target(
      name: "FuzzTargets",
      dependencies: ["Checkpoints", "PackedFormat", "Codecs", "Base", "TensorCore"],
      path: "Tests/Fuzzing/FuzzTargets", swiftSettings: strict),
    .executableTarget(
      name: "sumac-codec-bench", dependencies: ["Codecs", "Base", "TensorCore"],
      path: "Tests/Benchmarks/CodecBench", swiftSettings: strict),
    .executableTarget(
      name: "sumac-fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzzing/Driver"),
    .target(
      name: "TestSupport",
      dependencies: ["Checkpoints", "PackedFormat", "Base", "TensorCore", crypto, system],
      path: "Tests/TestSupport",
      swiftSettings: strict),
    tests("TensorCoreTests", ["Base", "TensorCore", system]),
    tests("CodecsTests", ["Codecs", "Base", "TensorCore", "Zstd"]),
    tests("PackedFormatTests", ["PackedFormat", "Codecs", "Base", "TensorCore", "Zstd", system]),
    tests(
      "CheckpointsTests", ["Checkpoints", "PackedFormat", "Codecs", "Base", "TensorCore", system]),
    tests(
      "InspectionTests",
      ["Inspection", "Statistics", "Checkpoints", "Reporting", "Base", "TensorCore"]),
    tests("StatisticsTests", ["Statistics", "Checkpoints", "Base", "TensorCore"]),
    tests("PruningTests", ["Pruning", "Statistics", "Checkpoints", "Base", "TensorCore"]),
    tests("RotaryTests", ["Rotary", "RotaryScaling", "Checkpoints", "Base", "TensorCore"]),
    tests("MergingTests", ["Merging", "Recipes", "Checkpoints", "Base", "TensorCore"]),
    tests("CachesTests", ["Caches", "Checkpoints", "Base", "TensorCore"]),
    tests(
      "CacheCompressionTests",
      [
        "CacheCompression", "Caches", "Checkpoints", "PackedFormat", "Reporting", "Base",
        "TensorCore",
      ]),
    tests(
      "CommandTests", ["SumacCommand", "Checkpoints", "PackedFormat", "Base", "TensorCore"],
      exclude: ["Cases", "Faults"]),
  ]
)
