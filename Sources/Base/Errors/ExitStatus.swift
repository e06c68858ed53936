/// How a command ends, as the shell sees it.
package enum ExitStatus: Int32, Sendable {
  case done = 0
  /// A comparison that was asked for found a difference.
  case comparisonFailed = 1
  /// Some files of a batch failed.
  case partOfBatchFailed = 2
  /// An input is malformed, damaged or of an unsupported kind.
  case badInput = 3
  /// Reading or writing failed.
  case inputOutput = 4
  /// The output exists already.
  case outputExists = 5
  case usage = 64
  /// A fault of sumac itself.
  case bug = 70
  case interrupted = 130
  case terminated = 143
}

/// An error that a user can act on.
package protocol UserError: Error, CustomStringConvertible {
  var status: ExitStatus { get }
  /// What is wrong, and where.
  var message: Message { get }
  /// What to do about it, if that is known.
  var hint: Message? { get }
}

extension UserError {
  package var hint: Message? { nil }
  package var description: String { message.text(.plain) }
}
