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

/// What tests of anything above the containers use.
let reading: [Target.Dependency] = [
  "Containers", "PackedFolders", "Packing", "ModelDirectories", "Safetensors", "Models",
  "Checkpoints",
  "PackedFormat", "Codecs",
]

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies + ["TensorCore", "Base", "TestSupport"],
    exclude: exclude,
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
  ],
  targets: [
    .target(name: "CKernels"),
    .target(name: "CLinux"),
    .target(name: "CRepeats", dependencies: ["CKernels"]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    module("Zstd", ["CZstd"]),
    // Without pkg-config: the file of libyaml names the folder of the shared library, which the linker would search
    // before the folder of static libraries that `make build` passes.
    .systemLibrary(name: "CYaml", providers: [.apt(["libyaml-dev"])]),
    module("YAML", ["CYaml"]),
    module("Base", ["CLinux", crypto, system]),
    module("TensorCore", ["Base", "CKernels"]),
    module("LinearAlgebra", ["TensorCore", "Base"]),
    module("BLAS", ["TensorCore", "Base", "CLinux"]),
    module("Codecs", ["Base", "TensorCore", "Zstd"]),
    module("PackedFormat", ["Codecs", "Base", "TensorCore", "Zstd", crypto, system]),
    module("Checkpoints", ["Codecs", "TensorCore", "Base", crypto, system]),
    module("Surveys", ["Checkpoints", "TensorCore", "Base"]),
    module("Models", ["Checkpoints", "TensorCore", "Base"]),
    module("Safetensors", ["Checkpoints", "TensorCore", "Base", "Zstd", crypto]),
    module(
      "ModelDirectories",
      ["PyTorch", "Safetensors", "Checkpoints", "TensorCore", "Base", "Zstd", crypto]),
    module("LibArchive", ["TensorCore", "Base"]),
    module("Zip", ["LibArchive", "Checkpoints", "TensorCore", "Base"]),
    module("Archives", ["LibArchive", "Zip", "Checkpoints", "TensorCore", "Base", "Zstd"]),
    module("PyTorch", ["Zip", "Checkpoints", "TensorCore", "Base", crypto]),
    module("NumPy", ["Zip", "Checkpoints", "TensorCore", "Base", "Zstd", crypto]),
    module("ONNX", ["Checkpoints", "TensorCore", "Base", crypto]),
    module(
      "Packing",
      [
        "Surveys", "Checkpoints", "PackedFormat", "Codecs", "LinearAlgebra", "TensorCore", "Base",
        "Zstd", crypto, system,
      ]),
    module(
      "Containers",
      [
        "PackedFolders", "Packing", "ModelDirectories", "NumPy", "ONNX", "PyTorch", "Archives",
        "LibArchive", "Zip", "Safetensors", "Checkpoints", "Base",
      ]),
    module(
      "PackedFolders",
      ["ModelDirectories", "Packing", "PackedFormat", "Checkpoints", "TensorCore", "Base"]),
    module("Sumac", ["Packing", "Checkpoints", "PackedFormat", "TensorCore", "Base"]),
    module("Reporting", ["Base"]),
    module("Charts", ["Base"]),
    module("Pages", ["Differences", "Charts", "Models", "Base", crypto]),
    module("Tokenizers", ["Base"]),
    module("TokenData", ["Tokenizers", "Base"]),
    module("Recipes", ["Base", "YAML"]),
    module(
      "Repeats",
      [
        "CRepeats", "Charts", "Containers", "Archives", "LibArchive", "Checkpoints", "TokenData",
        "Tokenizers", "Reporting", "TensorCore", "Base", "Zstd", system,
      ]),
    module(
      "Conversion",
      [
        "Surveys", "Packing", "Models", "Checkpoints", "PackedFormat", "Codecs", "Reporting",
        "TensorCore", "Base", "Zstd", system,
      ]),
    module(
      "Pruning",
      [
        "Surveys", "Packing", "Models", "Checkpoints", "Reporting", "TensorCore", "Base",
        system,
      ]),
    module("Networks", ["BLAS", "Rotary", "Models", "Checkpoints", "TensorCore", "Base"]),
    module("SparCL", []),
    module(
      "Training",
      [
        "SparCL", "Examples", "Networks", "Rotary", "Recipes", "Containers", "Safetensors",
        "Models",
        "Checkpoints", "Reporting", "TensorCore", "Base", system,
      ]),
    module("InductionHeads", ["Networks", "BLAS", "Reporting", "Base"]),
    module("ScalingLaws", ["BLAS", "Reporting", "Base"]),
    module("Rotary", ["Models", "Checkpoints", "TensorCore", "Base"]),
    module(
      "RotaryScaling",
      [
        "Rotary", "Containers", "Models", "Checkpoints", "Charts", "Reporting", "TensorCore",
        "Base",
      ]),
    module(
      "Merging",
      [
        "Coefficients", "Recipes", "Rotary", "Packing", "Surveys", "LinearAlgebra", "Models",
        "PackedFormat", "Codecs", "Checkpoints", "Charts", "Reporting", "TensorCore", "Base",
        system,
      ]),
    module("Examples", ["Networks", "Base"]),
    module("Coefficients", ["Recipes", "Checkpoints", "Base"]),
    module(
      "AdaMerging",
      [
        "Coefficients", "Examples", "Networks", "Models", "Checkpoints", "Reporting", "TensorCore",
        "Base",
      ]),
    module(
      "Caches",
      [
        "Containers", "Packing", "PyTorch", "Safetensors", "Models", "Checkpoints", "TensorCore",
        "Base", crypto,
      ]),
    module(
      "CacheCompression",
      [
        "Caches", "Containers", "Packing", "Checkpoints", "PackedFormat", "Codecs", "Reporting",
        "LinearAlgebra", "TensorCore", "Base", crypto,
      ]),
    module(
      "Inspection",
      [
        "BLAS", "Surveys", "Packing", "Models", "Checkpoints", "PackedFormat", "Reporting",
        "TensorCore", "Base", "Zstd", crypto, system,
      ]),
    module(
      "Differences",
      ["Packing", "Models", "Checkpoints", "PackedFormat", "Reporting", "TensorCore", "Base"]),
    module(
      "Operations",
      [
        "Conversion", "Inspection", "Pruning", "Merging", "AdaMerging", "RotaryScaling",
        "CacheCompression", "InductionHeads", "ScalingLaws", "Evaluation", "Training", "Repeats",
        "SparCL", "Networks", "BLAS", "TokenData", "Tokenizers", "Caches", "Rotary", "Differences",
        "Surveys",
        "Recipes",
        "Pages", "Charts", "Reporting", "Containers", "Packing",
        "ModelDirectories", "NumPy", "ONNX", "PyTorch", "Archives", "LibArchive", "Zip",
        "Safetensors", "Models",
        "Checkpoints", "PackedFormat", "Codecs", "TensorCore", "Base", "Zstd", system,
      ]),
    module(
      "Evaluation",
      [
        "Networks", "BLAS", "Caches", "Models", "Checkpoints", "Reporting", "TensorCore", "Base",
        system,
      ]),
    .executableTarget(
      name: "SumacCommand",
      dependencies: [
        "Operations", "Differences", "Inspection", "Pruning", "Merging", "Rotary", "AdaMerging",
        "RotaryScaling", "CacheCompression", "ScalingLaws", "Training", "SparCL", "BLAS", "Caches",
        "Surveys", "Repeats", "Reporting", "Containers", "Checkpoints", "Codecs",
        "Base",
        "CLinux", arguments, system,
      ],
      swiftSettings: strict),
    .target(
      name: "FuzzTargets",
      dependencies: [
        "Merging", "Pruning", "Caches", "Rotary", "Surveys", "Containers", "Packing", "Safetensors",
        "NumPy", "ONNX", "PyTorch", "Archives", "Zip", "Models", "Checkpoints", "PackedFormat",
        "Tokenizers", "Codecs", "Recipes", "TensorCore", "Base",
      ],
      path: "Tests/Fuzzing/FuzzTargets", swiftSettings: strict),
    .executableTarget(
      name: "sumac-codec-bench", dependencies: ["Codecs", "Base", "TensorCore"],
      path: "Tests/Benchmarks/CodecBench", swiftSettings: strict),
    .executableTarget(
      name: "sumac-blas-bench", dependencies: ["BLAS", "Base", "TensorCore"],
      path: "Tests/Benchmarks/BLASBench", swiftSettings: strict),
    .executableTarget(
      name: "sumac-fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzzing/Driver"),
    .target(
      name: "TestSupport",
      dependencies: reading + ["BLAS", "Networks", "TensorCore", "Base", crypto, system],
      path: "Tests/TestSupport",
      swiftSettings: strict),
    tests("ReportingTests", ["Reporting"]),
    tests("PagesTests", ["Pages", "Charts", "Surveys", "Pruning"]),
    tests("TokenizersTests", ["Tokenizers"]),
    tests("TokenDataTests", ["TokenData", "Tokenizers"]),
    tests("SumacTests", ["Sumac"]),
    tests("BaseTests", [system]),
    tests("TensorCoreTests", [system]),
    tests("LinearAlgebraTests", ["LinearAlgebra"]),
    tests("BLASTests", ["BLAS"]),
    tests("CodecsTests", ["Codecs", "Zstd"]),
    tests("PackedFormatTests", reading + ["Zstd", system]),
    tests("CheckpointsTests", reading + ["Conversion", system]),
    tests("ModelsTests", reading),
    tests("InspectionTests", reading + ["Inspection", "Surveys", "Reporting"]),
    tests("DifferencesTests", reading + ["Differences", "Reporting"]),
    tests("SurveysTests", reading + ["Surveys"]),
    tests("PruningTests", reading + ["Pruning", "Surveys"]),
    tests("RotaryTests", reading + ["Rotary", "RotaryScaling"]),
    tests(
      "EvaluationTests",
      reading + ["Evaluation", "Networks", "Caches", "BLAS", "Tokenizers"]),
    tests(
      "TrainingTests",
      reading + [
        "Training", "SparCL", "Examples", "Networks", "Rotary", "BLAS", "Recipes", "Surveys",
        "Pruning",
      ]),
    tests("SparCLTests", reading + ["SparCL"]),
    tests("InductionHeadsTests", reading + ["InductionHeads", "Networks", "BLAS"]),
    tests("ScalingLawsTests", ["ScalingLaws", "BLAS"]),
    tests(
      "RepeatsTests", reading + ["Repeats", "CRepeats", "TokenData", "Tokenizers", "Reporting"]),
    tests("NetworksTests", reading + ["Networks", "BLAS", "Rotary"]),
    tests("MergingTests", reading + ["Merging", "Coefficients", "Recipes"]),
    tests(
      "AdaMergingTests",
      reading + [
        "AdaMerging", "Merging", "Coefficients", "Examples", "Recipes", "Networks", "BLAS",
      ]),
    tests("CachesTests", reading + ["Caches"]),
    tests("CacheCompressionTests", reading + ["CacheCompression", "Caches", "Reporting"]),
    tests("ContainersTests", reading),
    tests("PackedFoldersTests", reading),
    tests("ZipTests", reading + ["Zip"]),
    tests("ArchivesTests", reading + ["Archives", "Zip"]),
    tests("PyTorchTests", reading + ["PyTorch", "Zip"]),
    tests("NumPyTests", reading + ["NumPy", "Zip"]),
    tests("ONNXTests", reading + ["ONNX"]),
    tests(
      "OperationsTests",
      reading + [
        "Training", "SparCL", "BLAS", "Operations", "Differences", "Caches", "Inspection",
        "Merging", "Pruning", "Repeats", "ScalingLaws", "Reporting", "Rotary", "RotaryScaling",
      ]),
    tests("CommandTests", reading + ["SumacCommand"], exclude: ["Cases", "Faults"]),
  ]
)
