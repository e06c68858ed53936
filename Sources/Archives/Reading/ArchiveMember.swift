import Base

/// A member of an archive whose name was checked.
struct ArchiveMember: Sendable {
  enum Kind: Sendable {
    /// A regular file, with the number by which its archive opens it.
    case file(Int)
    case folder
    /// The path of the target inside the archive.
    case link(to: String)
  }

  /// The path inside the archive, without a slash at the end.
  let path: String
  let kind: Kind
  /// The number of bytes of a file.
  let byteCount: Int
}

/// The members of an archive, and the way to open their bytes.
protocol ArchiveContent: Sendable {
  var file: InputFile { get }
  var members: [ArchiveMember] { get }
  /// Opens a file by the number in its kind.
  func open(_ number: Int) throws -> InputFile
}

/// Checks of the paths of members.
enum ArchivePath {
  /// Returns the path without `./` at the start and `/` at the end; empty for the archive itself.
  /// - Throws: ``FormatError`` for a path that is absolute or leads out of the archive.
  static func checked(
    _ name: String, archive: String, byteOffset: Int
  ) throws(FormatError) -> String {
    var parts = RelativePath.components(of: name)[...]
    while parts.first == ".", parts.count > 1 {
      parts = parts.dropFirst().drop { $0.isEmpty }
    }
    while parts.count > 1, parts.last == "" { parts = parts.dropLast() }
    let path = parts.joined(separator: "/")
    let isAbsolute = name.utf8.first == UInt8(ascii: "/")
    if !isAbsolute, path.isEmpty || path == "." { return "" }
    guard !isAbsolute, RelativePath.isSafe(path) else {
      throw FormatError(
        .name, "member '\(name.printable)' does not have a relative path inside the archive",
        path: archive, byteOffset: byteOffset)
    }
    return path
  }

  /// Returns the path that the target of a symbolic link means.
  /// - Throws: ``FormatError`` for a target that is absolute or leads out of the archive.
  static func target(
    _ target: String, ofLink path: String, archive: String, byteOffset: Int
  ) throws(FormatError) -> String {
    func error() -> FormatError {
      FormatError(
        .link, "link '\(path.printable)' leads out of the archive, to '\(target.printable)'",
        path: archive, byteOffset: byteOffset)
    }
    guard !target.isEmpty, target.utf8.first != UInt8(ascii: "/"), !target.utf8.contains(0),
      target.utf8.count <= RelativePath.maximumByteCount
    else { throw error() }
    var components = RelativePath.components(of: path).dropLast()
    for component in RelativePath.components(of: target)
    where !component.isEmpty && component != "." {
      if component == ".." {
        guard components.popLast() != nil else { throw error() }
      } else {
        components.append(component)
      }
    }
    return components.joined(separator: "/")
  }
}
