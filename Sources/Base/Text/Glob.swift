import Glibc

/// A pattern over tensor names: `*` any characters, dots and slashes too, `?` one, `[a-c]` a set.
package struct Glob: Hashable, Sendable {
  package let pattern: String

  package init(_ pattern: String) { self.pattern = pattern }

  package func matches(_ name: String) -> Bool {
    // SAFETY: both arguments are zero-terminated copies that live for the call.
    unsafe fnmatch(pattern, name, 0) == 0
  }
}
