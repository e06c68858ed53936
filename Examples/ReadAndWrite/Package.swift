// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "ReadAndWrite",
  dependencies: [.package(name: "sumac", path: "../..")],
  targets: [
    .executableTarget(
      name: "ReadAndWrite", dependencies: [.product(name: "Sumac", package: "sumac")])
  ]
)
