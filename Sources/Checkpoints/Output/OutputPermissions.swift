import Base
import SystemPackage

/// The permissions of the files of an output, from which the system takes away the mask of the process.
///
/// They are those that all inputs have in common. A file that replaces another one has no permission that the other one
/// does not have.
struct OutputPermissions: Sendable {
  static let allOfFile = FilePermissions(rawValue: 0o666)
  static let allOfFolder = FilePermissions(rawValue: 0o777)

  private var file: FilePermissions
  /// The permissions of folders. The owner may always write, so that files can be created in them.
  private(set) var ofFolder: FilePermissions
  /// The permissions of the files in a folder that is replaced, by their relative paths.
  private var replaced: [String: FilePermissions] = [:]

  init(of output: AtomicOutput) throws {
    let files = output.inputs.filter { !$0.isFolder }.compactMap(\.permissions)
    let folders = output.inputs.filter(\.isFolder).compactMap(\.permissions)
    file = Self.common(files) ?? Self.allOfFile
    ofFolder = Self.common(folders) ?? (files.isEmpty ? Self.allOfFolder : Self.folder(for: file))
    if output.replacesExisting, let old = try FileSystem.targetIfPresent(output.path) {
      if old.type == .directory {
        ofFolder.formIntersection(old.permissions)
        try addReplaced(in: output.path)
      } else {
        file.formIntersection(old.permissions)
      }
    }
    ofFolder.formUnion(.ownerReadWriteExecute)
  }

  private static func common(_ all: [FilePermissions]) -> FilePermissions? {
    guard let first = all.first else { return nil }
    return all.dropFirst().reduce(first.intersection(allOfFolder)) { $0.intersection($1) }
  }

  /// Returns the permissions of a folder whose files may be read by the same users: it can be searched by those who may
  /// read.
  private static func folder(for file: FilePermissions) -> FilePermissions {
    FilePermissions(rawValue: file.rawValue | (file.rawValue & 0o444) >> 2)
  }

  /// Adds the files of a folder, to the depth that models have.
  private mutating func addReplaced(
    in root: String, folder: String = "", depth: Int = 0
  ) throws {
    for name in try FileSystem.names(in: folder.isEmpty ? root : root + "/" + folder) {
      let relative = folder.isEmpty ? name : folder + "/" + name
      guard let stat = try FileSystem.targetIfPresent(root + "/" + relative) else { continue }
      if stat.type == .regular {
        replaced[relative] = stat.permissions
      } else if depth < 8, try FileSystem.typeIfPresent(root + "/" + relative) == .directory {
        try addReplaced(in: root, folder: relative, depth: depth + 1)
      }
    }
  }

  /// Returns the permissions of a file by its relative path; of the output itself if the path is empty.
  ///
  /// A file of a replaced folder that the folder did not contain gets no permission that one of its files lacked.
  func ofFile(_ relativePath: String) -> FilePermissions {
    guard !replaced.isEmpty else { return file }
    if let old = replaced[relativePath] { return file.intersection(old) }
    return replaced.values.reduce(file) { $0.intersection($1) }
  }
}
