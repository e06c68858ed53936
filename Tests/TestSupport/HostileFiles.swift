import Foundation

/// The files of `Fixtures/hostile`, which differ in one place each and are stored in one archive.
package struct HostileFiles {
  private static let archive = Fixtures.path("hostile/files.tar.gz")
  private let folder: TemporaryFolder

  /// Extracts the archive.
  package init() throws {
    folder = try TemporaryFolder()
    try Self.tar("-xzf", Self.archive, "-C", folder.path)
  }

  /// The sorted names of the files.
  package var names: [String] {
    get throws { try folder.names(in: "hostile").filter { $0.hasSuffix(".sumac") }.sorted() }
  }

  package func path(_ name: String) -> String { folder["hostile/" + name] }

  /// Replaces the archive by one of these files, with the same bytes each time.
  package static func store(_ files: [(name: String, bytes: [UInt8])]) throws {
    let folder = try TemporaryFolder()
    for file in files { try folder.write(file.bytes, to: "hostile/" + file.name) }
    try tar(
      "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner",
      "--use-compress-program=gzip -n -9", "-C", folder.path, "-cf", archive, "hostile")
  }

  private static func tar(_ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["tar"] + arguments
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failure(status: process.terminationStatus) }
  }

  private struct Failure: Error { let status: Int32 }
}
