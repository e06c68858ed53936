package import SystemPackage

/// A system call on a file that failed.
package struct FileError: UserError, Equatable {
  /// What was tried, as in "cannot *open*".
  package var action: String
  package var path: String
  package var errno: Errno

  package init(_ action: String, _ path: String, _ errno: Errno) {
    self.action = action
    self.path = path
    self.errno = errno
  }

  package var status: ExitStatus { .inputOutput }
  package var message: Message { "\(path.printable): cannot \(action): \(errno)" }
  package var hint: Message? {
    switch errno {
    case .noSpace: "free some space or choose another folder; nothing was left behind"
    case .noSuchFileOrDirectory: "check the path; nothing with that name is there"
    case .permissionDenied, .readOnlyFileSystem: "check the permissions of the file and its folder"
    default: nil
    }
  }
}
