// swift-tools-version: 6.2
import PackageDescription

/// What every target is held to: Swift 6 concurrency, marked unsafe code, no warnings.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
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
    module("TensorCore", ["CKernels", "CLinux", system]),
    module("Codecs", ["TensorCore", "Zstd"]),
    module("PackedFormat", ["Codecs", "TensorCore", "Zstd", crypto, system]),
    module("Checkpoints", ["PackedFormat", "Codecs", "TensorCore", crypto, system]),
    module("Encoding", ["Checkpoints", "PackedFormat", "Codecs", "TensorCore", crypto]),
    module("Sumac", ["Encoding", "Checkpoints", "PackedFormat", "TensorCore"]),
    module("Reporting", ["TensorCore"]),
    module("Recipes", ["TensorCore", .product(name: "Yams", package: "Yams")]),
    module("Statistics", ["Checkpoints", "CKernels", "TensorCore"]),
    module(
      "Conversion",
      [
        "Encoding", "Checkpoints", "PackedFormat", "Codecs", "Reporting", "TensorCore", "Zstd",
        system,
      ]),
    module(
      "Pruning",
      [
        "Statistics", "Encoding", "Checkpoints", "Reporting", "CKernels", "TensorCore", system,
      ]),
    module("Rotary", ["Checkpoints", "TensorCore"]),
    module("RotaryScaling", ["Rotary", "Checkpoints", "Reporting", "TensorCore"]),
    module(
      "Merging",
      [
        "Recipes", "Encoding", "PackedFormat", "Checkpoints", "CKernels", "Reporting", "TensorCore",
        system,
      ]),
    module("Caches", ["Checkpoints", "TensorCore", crypto]),
    module(
      "CacheCompression",
      ["Caches", "Checkpoints", "PackedFormat", "Codecs", "Reporting", "TensorCore", crypto]),
    module(
      "Inspection",
      [
        "Statistics", "Checkpoints", "PackedFormat", "Reporting", "TensorCore", "Zstd", crypto,
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
        "TensorCore", "Zstd", "CLinux", arguments, system,
      ],
      swiftSettings: strict),
    .target(
      name: "FuzzTargets",
      dependencies: ["Checkpoints", "PackedFormat", "Codecs", "TensorCore"],
      path: "Tests/Fuzzing/FuzzTargets", swiftSettings: strict),
    .executableTarget(
      name: "sumac-codec-bench", dependencies: ["Codecs", "TensorCore"],
      path: "Tests/Benchmarks/CodecBench", swiftSettings: strict),
    .executableTarget(
      name: "sumac-fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzzing/Driver"),
    .target(
      name: "TestSupport",
      dependencies: ["Checkpoints", "PackedFormat", "TensorCore", crypto, system],
      path: "Tests/TestSupport",
      swiftSettings: strict),
    tests("TensorCoreTests", ["TensorCore", system]),
    tests("CodecsTests", ["Codecs", "TensorCore", "Zstd"]),
    tests("PackedFormatTests", ["PackedFormat", "Codecs", "TensorCore", "Zstd", system]),
    tests("CheckpointsTests", ["Checkpoints", "PackedFormat", "Codecs", "TensorCore", system]),
    tests(
      "InspectionTests", ["Inspection", "Statistics", "Checkpoints", "Reporting", "TensorCore"]),
    tests("StatisticsTests", ["Statistics", "Checkpoints", "TensorCore"]),
    tests("PruningTests", ["Pruning", "Statistics", "Checkpoints", "TensorCore"]),
    tests("RotaryTests", ["Rotary", "RotaryScaling", "Checkpoints", "TensorCore"]),
    tests("MergingTests", ["Merging", "Recipes", "Checkpoints", "TensorCore"]),
    tests("CachesTests", ["Caches", "Checkpoints", "TensorCore"]),
    tests(
      "CacheCompressionTests",
      ["CacheCompression", "Caches", "Checkpoints", "PackedFormat", "Reporting", "TensorCore"]),
    tests(
      "CommandTests", ["SumacCommand", "Checkpoints", "PackedFormat", "TensorCore"],
      exclude: ["Cases", "Faults"]),
  ]
)
