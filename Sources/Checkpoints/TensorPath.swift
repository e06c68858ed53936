package import Base

/// The path of a file, perhaps with the name of a tensor in it: `FILE` or `FILE:NAME`.
package struct TensorPath: Sendable, Equatable {
  package let path: String
  package let name: String?

  /// Divides a text at the last colon after the name of an existing file, or at its last colon if there is no such file.
  /// A file whose name has a colon is one as a whole.
  /// - Throws: ``FileError`` if a path cannot be examined.
  package init(_ text: String) throws(FileError) {
    guard try FileSystem.targetType(text) == nil, var colon = text.lastIndex(of: ":") else {
      (path, name) = (text, nil)
      return
    }
    for place in text.indices.reversed() where text[place] == ":" {
      guard try FileSystem.targetType(String(text[..<place])) != nil else { continue }
      colon = place
      break
    }
    (path, name) = (String(text[..<colon]), String(text[text.index(after: colon)...]))
  }

  /// Returns the paths of files without the names of tensors in them, for checks of what an output may replace.
  package static func files(of texts: [String]) -> [String] {
    texts.map { (try? TensorPath($0).path) ?? $0 }
  }
}
