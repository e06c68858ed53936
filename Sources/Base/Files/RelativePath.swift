/// Paths that stay inside the folder they are taken from.
package enum RelativePath {
  package static let maximumByteCount = 4096

  /// Whether every component is a plain name: none empty, `.` or `..`, nothing absolute, no NUL.
  package static func isSafe(_ path: String) -> Bool {
    guard !path.isEmpty, path.utf8.count <= maximumByteCount, !path.utf8.contains(0) else {
      return false
    }
    return path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
      !$0.isEmpty && $0 != "." && $0 != ".."
    }
  }
}
