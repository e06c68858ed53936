import Base
import CLinux
import Glibc

/// The setup of the process, done before anything else.
enum ProcessSetup {
  static func run() {
    sumac_configure_allocator()
    openStandardDescriptors()
    raiseFileLimit()
  }

  /// Opens closed standard descriptors on `/dev/null`.
  ///
  /// Otherwise the next opened file would get such a descriptor, and messages would be written to it. Standard input is
  /// opened for writing and standard output for reading, so that using them fails.
  private static func openStandardDescriptors() {
    for (descriptor, mode) in [(0, O_WRONLY), (1, O_RDONLY), (2, O_WRONLY)] as [(Int32, Int32)]
    where fcntl(descriptor, F_GETFD) < 0 {
      // The lowest free number is this one, since those below are open.
      _ = unsafe open("/dev/null", mode)
    }
  }

  /// Raises the limit of open files, since a sharded model keeps all its shards open.
  private static func raiseFileLimit() {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}

/// An error that no code turned into a `UserError`.
struct UnexpectedError: UserError {
  let message: Message
  var status: ExitStatus { .bug }
  var hint: Message? { "this is a bug in sumac; please report it with the command line" }
}
