/// Checks for relative paths that stay inside their base folder.
package enum RelativePath {
  package static let maximumByteCount = 4096

  /// Returns true if every component of `path` is a plain name: not empty, not `.` or `..`, not absolute, without NUL.
  package static func isSafe(_ path: String) -> Bool {
    guard !path.isEmpty, path.utf8.count <= maximumByteCount, !path.utf8.contains(0) else {
      return false
    }
    return path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
      !$0.isEmpty && $0 != "." && $0 != ".."
    }
  }
}
