package import SystemPackage

/// The failure of a system call on a file.
package struct FileError: UserError, Equatable {
  /// The attempted action, such as "open"; the message reads "cannot open".
  package var action: String
  package var path: String
  package var errno: Errno
  /// The next step for the user, if it does not follow from `errno`.
  package var remedy: Message?

  package init(_ action: String, _ path: String, _ errno: Errno, remedy: Message? = nil) {
    self.action = action
    self.path = path
    self.errno = errno
    self.remedy = remedy
  }

  package var status: ExitStatus { .inputOutput }
  package var facts: ErrorFacts { ErrorFacts(code: status.name, path: path) }
  package var message: Message { "\(path.printable): cannot \(action): \(errno)" }
  package var hint: Message? {
    if let remedy { return remedy }
    return switch errno {
    case .noSpace: "free some space or choose another folder; no partial output was left"
    case .noSuchFileOrDirectory: "check the path; no file or folder has that name"
    case .permissionDenied, .readOnlyFileSystem: "check the permissions of the file and its folder"
    default: nil
    }
  }
}
