package import SystemPackage

/// An existing file or folder that this process has opened and tried to lock with flock(2).
///
/// The lock ends with this object, or with the process.
package final class EntryLock: Sendable {
  package let outcome: FileSystem.LockOutcome
  private let descriptor: FileDescriptor

  private init(_ descriptor: FileDescriptor, _ outcome: FileSystem.LockOutcome) {
    self.descriptor = descriptor
    self.outcome = outcome
  }

  /// Opens and locks an entry, which may not be a link.
  /// - Returns: Nil if there is no entry at `path`, or another one than was locked, because a writer renamed it.
  package static func taken(
    on path: String, _ type: FileType
  ) throws(FileError) -> EntryLock? {
    guard let descriptor = try open(path, type) else { return nil }
    let identity: FileIdentity?
    let lock: EntryLock
    do {
      lock = EntryLock(descriptor, try FileSystem.lock(descriptor, path))
    } catch {
      try? descriptor.close()
      throw error
    }
    do { identity = FileIdentity(try descriptor.stat()) } catch {
      throw FileError("examine", path, Errno(caught: error))
    }
    return try FileIdentity.ofEntryIfPresent(path) == identity ? lock : nil
  }

  deinit { try? descriptor.close() }

  /// Opens an entry for its lock; returns nil if it has disappeared. Network file systems lock only files that are open
  /// for writing.
  private static func open(
    _ path: String, _ type: FileType
  ) throws(FileError) -> FileDescriptor? {
    let options: FileDescriptor.OpenOptions = [.noFollow, .nonBlocking, .closeOnExec]
    if type == .regular,
      let descriptor = try? FileDescriptor.open(FilePath(path), .readWrite, options: options)
    {
      return descriptor
    }
    do { return try FileDescriptor.open(FilePath(path), .readOnly, options: options) } catch {
      let code = Errno(caught: error)
      if code == .noSuchFileOrDirectory { return nil }
      throw FileError("open", path, code)
    }
  }
}
