import CLinux
import Glibc
package import SystemPackage

/// A new file or folder under a temporary name, which this process has created and locked.
///
/// The lock of flock(2) ends with this object, or with the process. If another process can take it, the writer is dead.
package final class PartialFile: Sendable {
  package let path: String
  package let identity: FileIdentity
  /// The open file; nil for a folder.
  package let file: OutputFile?
  /// The descriptor of a folder, which holds its lock.
  private let folder: FileDescriptor?

  /// Creates a file or folder under an unused name in the folder of `output`.
  package init(
    for output: String, isDirectory: Bool, permissions: FilePermissions
  ) throws(FileError) {
    for _ in 0..<32 {
      let path = PartialName.random(for: output)
      do {
        guard
          let (file, folder, stat) = try Self.create(
            path, isDirectory: isDirectory, permissions: permissions)
        else { continue }
        self.path = path
        self.file = file
        self.folder = folder
        identity = FileIdentity(stat)
        return
      } catch {
        guard error.errno == .fileExists else { throw error }
      }
    }
    throw FileError("create a temporary name for", output, .fileExists)
  }

  deinit { try? folder?.close() }

  /// - Returns: Nil if another process, which looks for abandoned outputs, was faster with the lock.
  private static func create(
    _ path: String, isDirectory: Bool, permissions: FilePermissions
  ) throws(FileError) -> (OutputFile?, FileDescriptor?, Stat)? {
    var file: OutputFile?
    var folder: FileDescriptor?
    let descriptor: FileDescriptor
    if isDirectory {
      try FileSystem.createDirectory(path, permissions: permissions)
      do {
        descriptor = try FileDescriptor.open(
          FilePath(path), .readOnly, options: [.directory, .noFollow, .closeOnExec])
      } catch {
        let code = Errno(caught: error)
        // A process that looks for abandoned outputs was faster, and has removed it.
        if code == .noSuchFileOrDirectory { return nil }
        try? FileSystem.removeTree(path)
        throw FileError("open", path, code)
      }
      folder = descriptor
    } else {
      let created = try OutputFile(creating: path, permissions: permissions)
      descriptor = created.descriptor
      file = created
    }
    do {
      let isOwn = try FileSystem.lock(descriptor, path) != .held
      let stat = try status(descriptor, path)
      let entry = try FileIdentity.ofEntryIfPresent(path)
      if isOwn, entry == FileIdentity(stat) { return (file, folder, stat) }
      if entry == FileIdentity(stat) { try? FileSystem.removeTree(path) }
    } catch {
      try? folder?.close()
      try? FileSystem.removeTree(path)
      throw error
    }
    try? folder?.close()
    return nil
  }

  private static func status(
    _ descriptor: FileDescriptor, _ path: String
  ) throws(FileError) -> Stat {
    do { return try descriptor.stat() } catch {
      throw FileError("examine", path, Errno(caught: error))
    }
  }

  /// Throws if another program has removed or replaced the file.
  package func checkPresent() throws(FileError) {
    guard try FileIdentity.ofEntryIfPresent(path) == identity else {
      throw FileError(
        "finish, as another program removed or replaced the unfinished output", path,
        .noSuchFileOrDirectory)
    }
  }

  /// Removes the file, or the folder with its content, unless another program has replaced it.
  package func remove() {
    guard (try? FileIdentity.ofEntryIfPresent(path)) == identity else { return }
    try? FileSystem.removeTree(path)
  }
}

/// The temporary name of an output: its name, `.partial-`, and 16 random hexadecimal digits.
package enum PartialName {
  private static let marker = ".partial-"
  private static let digitCount = 16
  /// The length of a name on file systems that do not state their limit.
  private static let usualNameByteCount = 255

  /// Returns an unused path, with high probability, in the folder of `output`. The name of the output is shortened if
  /// the temporary name would be too long for the file system.
  static func random(for output: String) -> String {
    let digits = String(UInt64.random(in: 0 ... .max), radix: 16)
    let padding = String(repeating: "0", count: digitCount - digits.count)
    let name = FileSystem.baseName(of: output)
    let limit =
      FileSystem.maximumNameByteCount(in: FileSystem.parent(of: output)) ?? usualNameByteCount
    let folder = String(decoding: output.utf8.dropLast(name.utf8.count), as: UTF8.self)
    return folder + stem(of: name, limit: limit) + marker + padding + digits
  }

  private static func stem(of name: String, limit: Int) -> Substring {
    var stem = name[...]
    while stem.utf8.count + marker.utf8.count + digitCount > limit, !stem.isEmpty {
      stem.removeLast()
    }
    return stem
  }

  /// Returns true if a name has the form of a temporary name.
  package static func isPartial(_ name: String) -> Bool { stem(ofPartial: name) != nil }

  /// Returns true if a name may be the temporary name of an output named `output`.
  package static func isPartial(_ name: String, of output: String) -> Bool {
    guard let stem = stem(ofPartial: name) else { return false }
    let isShortened = name.utf8.count + 4 > usualNameByteCount
    return stem == output || (isShortened && output.hasPrefix(stem))
  }

  private static func stem(ofPartial name: String) -> Substring? {
    let digits = name.utf8.suffix(digitCount)
    let stem = name.dropLast(digitCount)
    let isHexadecimal = digits.allSatisfy {
      UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || UInt8(ascii: "a")...UInt8(ascii: "f") ~= $0
    }
    guard digits.count == digitCount, isHexadecimal, stem.hasSuffix(marker) else { return nil }
    return stem.dropLast(marker.count)
  }
}

extension FileSystem {
  /// The outcome of an attempt to lock a file.
  package enum LockOutcome: Sendable {
    case taken
    /// Another process, or another descriptor of this one, has the lock.
    case held
    /// The file system has no such locks.
    case unsupported
  }

  /// Locks an open file or folder exclusively, without waiting.
  static func lock(_ descriptor: FileDescriptor, _ path: String) throws(FileError) -> LockOutcome {
    while sumac_lock(descriptor.rawValue) != 0 {
      switch errno {
      case EINTR: continue
      case EWOULDBLOCK: return .held
      case EBADF, EINVAL, ENOLCK, ENOSYS, EOPNOTSUPP: return .unsupported
      default: throw FileError("lock", path, Errno(rawValue: errno))
      }
    }
    return .taken
  }

  /// Returns the maximum length of a name in a folder in bytes, or nil if it is unknown.
  static func maximumNameByteCount(in folder: String) -> Int? {
    var status = statvfs()
    guard unsafe statvfs(folder, &status) == 0, status.f_namemax > 0 else { return nil }
    return Int(status.f_namemax)
  }
}
