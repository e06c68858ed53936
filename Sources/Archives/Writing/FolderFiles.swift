package import Base
package import Checkpoints

/// The files of a model folder in the order in which an archive stores them.
///
/// Small files come before weights, so that readers of a compressed archive find them first; both are sorted by the bytes
/// of their paths.
package struct FolderFiles: Sendable {
  package struct File: Sendable {
    package let path: String
    package let file: InputFile
  }

  package private(set) var files: [File] = []
  /// Descriptions of what is left out.
  package private(set) var notes: [Message] = []
  private static let maximumDepth = 32

  /// Opens all files of a folder, except hidden ones and unfinished outputs.
  /// - Throws: ``FormatError`` for links that leave the folder.
  package init(_ input: InputTree) throws {
    try collect(input, folder: "", depth: 0)
    files.sort { left, right in
      let places = [left, right].map { WeightFileNames.mayContainTensors($0.path) }
      return places[0] == places[1]
        ? left.path.precedesAsBytes(right.path) : places[1]
    }
    guard !files.isEmpty else {
      throw FormatError(
        .emptyFolder, "contains no files to pack", path: input.path,
        hint: "name the folder of a model")
    }
  }

  private mutating func collect(_ input: InputTree, folder: String, depth: Int) throws {
    for entry in try input.entries(in: folder) {
      let path = folder.isEmpty ? entry.name : folder + "/" + entry.name
      if entry.name.hasPrefix(".") || entry.name.contains(".partial-") {
        notes.append("left out, as it is hidden or unfinished: \(path.printable)")
        continue
      }
      guard RelativePath.isSafe(path), !path.utf8.contains(UInt8(ascii: "\\")) else {
        throw FormatError(
          .name, "'\(path.printable)' cannot be the name of a member", path: input.path)
      }
      switch entry.kind {
      case .file: files.append(File(path: path, file: try input.open(path)))
      case .folder where depth < Self.maximumDepth:
        try collect(input, folder: path, depth: depth + 1)
      case .folder:
        throw FormatError(.name, "folder '\(path.printable)' is too deep", path: input.path)
      case .linkedFile, .linkedFolder, .brokenLink:
        throw FormatError(
          .link, "'\(path.printable)' is a link to a folder, out of the folder, or to nothing",
          path: input.path, hint: "replace it with the file that it stands for, or remove it")
      case .other: notes.append("left out, as it is not a file: \(path.printable)")
      }
    }
  }

  package var byteCount: Int { files.reduce(0) { $0 + $1.file.byteCount } }
}

extension FormatError.Code {
  package static let emptyFolder = FormatError.Code(
    "archive.empty-folder",
    meaning: "A folder to pack contains no files.",
    remedy: "Name the folder of a model.")
}
