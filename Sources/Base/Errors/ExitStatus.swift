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
  case interrupted = 130
  case terminated = 143
}

/// An error that a user can act on.
package protocol UserError: Error, CustomStringConvertible {
  var status: ExitStatus { get }
  /// The problem and where it is.
  var message: Message { get }
  /// The next step for the user, if known.
  var hint: Message? { get }
  /// The code and place of the problem, for programs.
  var facts: ErrorFacts { get }
}

/// The code and place of an error, for programs.
package struct ErrorFacts: Sendable, Equatable {
  /// A stable name: that of the catalogue for faults in the content of files, otherwise the name of the exit status.
  package var code: String
  package var path: String?
  package var tensor: String?
  package var byteOffset: Int?

  package init(code: String, path: String? = nil, tensor: String? = nil, byteOffset: Int? = nil) {
    self.code = code
    self.path = path
    self.tensor = tensor
    self.byteOffset = byteOffset
  }
}

extension ExitStatus {
  /// The name of the status in machine-readable output.
  package var name: String {
    switch self {
    case .done: "done"
    case .comparisonFailed: "comparison-failed"
    case .partOfBatchFailed: "part-of-batch-failed"
    case .badInput: "bad-input"
    case .inputOutput: "input-output"
    case .outputExists: "output-exists"
    case .usage: "usage"
    case .bug: "bug"
    case .interrupted: "interrupted"
    case .terminated: "terminated"
    }
  }
}

extension UserError {
  package var hint: Message? { nil }
  package var facts: ErrorFacts { ErrorFacts(code: status.name) }
  package var description: String { message.text(.plain) }
}
