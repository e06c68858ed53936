/// Checks for relative paths that stay inside their base folder.
package enum RelativePath {
  package static let maximumByteCount = 4096

  /// Returns true if every component of `path` is a plain name: not empty, not `.` or `..`, not absolute, without NUL.
  package static func isSafe(_ path: String) -> Bool {
    guard !path.isEmpty, path.utf8.count <= maximumByteCount, !path.utf8.contains(0) else {
      return false
    }
    return components(of: path).allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
  }

  /// Returns the parts of a path between its slashes, also empty ones.
  ///
  /// The file system separates bytes. A slash and a combining mark after it are one `Character`, which does not equal a
  /// slash.
  package static func components(of path: String) -> [String] {
    path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
      String(Substring($0))
    }
  }
}
