import Base
import CLinux
import Glibc

/// What the program does to its process before anything else.
enum ProcessSetup {
  static func run() {
    sumac_configure_allocator()
    openStandardDescriptors()
    raiseFileLimit()
  }

  /// If a standard descriptor is closed, the next file to be opened would become it, and messages
  /// would go into that file.
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

  /// A model in many shards keeps all of them open.
  private static func raiseFileLimit() {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}

/// An error that the program should have turned into one for users.
struct UnexpectedError: UserError {
  let message: Message
  var status: ExitStatus { .bug }
  var hint: Message? { "this is a fault of sumac: please report it with the command line" }
}
