import Glibc

/// A pattern for tensor names: `*` matches any characters including dots and slashes, `?` one character, `[a-c]` one
/// of a set.
package struct Glob: Hashable, Sendable {
  package let pattern: String

  package init(_ pattern: String) { self.pattern = pattern }

  /// Returns true if the whole name matches the pattern.
  package func matches(_ name: String) -> Bool {
    // SAFETY: both arguments are zero-terminated copies that live for the call.
    unsafe fnmatch(pattern, name, 0) == 0
  }
}
