import Base

/// A pattern of paths, such as `models/*/step-[0-9]*`, for shells that did not expand it.
///
/// `*`, `?` and `[…]` match within one component. A name that starts with a dot matches only a component that does.
struct PathPattern {
  /// The maximum number of paths.
  private static let maximumCount = 1 << 20

  private let components: [String]
  private let root: String

  /// Creates a pattern; nil if the text has no special character.
  init?(_ text: String) {
    guard Self.isPattern(text) else { return nil }
    root = text.hasPrefix("/") ? "/" : ""
    components = text.split(separator: "/").map(String.init)
  }

  private static func isPattern(_ text: String) -> Bool { text.contains { "*?[".contains($0) } }

  /// Returns the paths that exist and match, in byte order within each folder.
  func matches() throws -> [String] {
    var found = [root]
    for (index, component) in components.enumerated() {
      let isLast = index == components.count - 1
      var next: [String] = []
      for folder in found {
        if !Self.isPattern(component) {
          let path = folder + component
          if try FileSystem.targetIfPresent(path) != nil { next.append(isLast ? path : path + "/") }
          continue
        }
        let glob = Glob(component)
        let place = folder.isEmpty ? "." : folder
        guard FileSystem.isDirectory(place) else { continue }
        for name in try FileSystem.names(in: place)
        where (!name.hasPrefix(".") || component.hasPrefix(".")) && glob.matches(name) {
          next.append(folder + name + (isLast ? "" : "/"))
        }
        guard next.count <= Self.maximumCount else {
          throw UsageError("a pattern matches more than \(Self.maximumCount.grouped) paths")
        }
      }
      found = next
    }
    return found
  }
}
