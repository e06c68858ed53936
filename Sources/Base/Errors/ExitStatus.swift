/// The exit status of a command.
package enum ExitStatus: Int32, Sendable {
  case done = 0
  /// A requested comparison found a difference.
  case comparisonFailed = 1
  /// Some files of a batch failed.
  case partOfBatchFailed = 2
  /// An input is malformed, damaged or of an unsupported format.
  case badInput = 3
  /// Reading or writing failed.
  case inputOutput = 4
  /// The output already exists.
  case outputExists = 5
  case usage = 64
  /// A bug in sumac.
  case bug = 70

  // 128 and the number of the signal that ended the work.
  /// SIGHUP
  case hangup = 129
  /// SIGINT
  case interrupted = 130
  /// SIGQUIT
  case quit = 131
  /// SIGUSR1
  case userSignal1 = 138
  /// SIGUSR2
  case userSignal2 = 140
  /// SIGPIPE, or the reader of the standard output went away.
  case brokenPipe = 141
  /// SIGTERM
  case terminated = 143
  /// SIGXFSZ
  case fileSizeLimit = 153
}

/// An error that a user can act on.
package protocol UserError: Error, CustomStringConvertible {
  var status: ExitStatus { get }
  /// The problem and where it is.
  var message: Message { get }
  /// The next step for the user, if known.
  var hint: Message? { get }
}

extension UserError {
  package var hint: Message? { nil }
  package var description: String { message.text(.plain) }
}
