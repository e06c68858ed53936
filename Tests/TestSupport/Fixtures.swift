import Foundation

/// Access to the files of the repository's `Fixtures` folder.
package enum Fixtures {
  package static let path: String = {
    // This file is Tests/TestSupport/Fixtures.swift.
    let root = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return root.appendingPathComponent("Fixtures").path
  }()

  package static func path(_ relative: String) -> String { path + "/" + relative }

  package static func bytes(_ relative: String) throws -> [UInt8] {
    try [UInt8](Data(contentsOf: URL(fileURLWithPath: path(relative))))
  }

  /// Returns the sorted names in a folder, without hidden files.
  package static func names(in relative: String, suffix: String = "") -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path(relative))) ?? []
    return names.filter { $0.hasSuffix(suffix) && !$0.hasPrefix(".") }.sorted()
  }
}
