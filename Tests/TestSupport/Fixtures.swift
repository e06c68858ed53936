import Foundation

/// Files of the repository's `Fixtures` folder.
package enum Fixtures {
  package static let path: String = {
    // Tests/TestSupport/Fixtures.swift
    let root = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return root.appendingPathComponent("Fixtures").path
  }()

  package static func path(_ relative: String) -> String { path + "/" + relative }

  package static func bytes(_ relative: String) throws -> [UInt8] {
    try [UInt8](Data(contentsOf: URL(fileURLWithPath: path(relative))))
  }

  /// The names in a folder, sorted, without dot files.
  package static func names(in relative: String, suffix: String = "") -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path(relative))) ?? []
    return names.filter { $0.hasSuffix(suffix) && !$0.hasPrefix(".") }.sorted()
  }
}
