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
  /// Otherwise the next opened file would get such a descriptor, and messages would be written to it.
  private static func openStandardDescriptors() {
    while true {
      let descriptor = unsafe open("/dev/null", O_RDWR)
      guard descriptor >= 0 else { return }
      if descriptor > 2 {
        close(descriptor)
        return
      }
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
