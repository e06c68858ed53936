/// An invalid request: wrong options or settings.
package struct UsageError: UserError, Equatable {
  package var message: Message
  package var hint: Message?
  package var status: ExitStatus { .usage }

  package init(_ message: Message, hint: Message? = nil) {
    self.message = message
    self.hint = hint
  }

  @_disfavoredOverload
  package init(_ text: String, hint: Message? = nil) {
    self.init(Message(text), hint: hint)
  }
}

/// The output already exists and must not be replaced.
package struct OutputExistsError: UserError, Equatable {
  package var path: String
  package var reason: Message?

  package init(path: String, reason: Message? = nil) {
    self.path = path
    self.reason = reason
  }

  package var status: ExitStatus { .outputExists }
  package var facts: ErrorFacts { ErrorFacts(code: status.name, path: path) }
  package var message: Message { "\(path.printable): " + (reason ?? "already exists") }
  package var hint: Message? {
    reason == nil
      ? "pass \(setting: "force") to replace it, or choose another name with -o"
      : "remove it yourself, or choose another name with -o"
  }
}

/// The user asked to stop.
package struct InterruptedError: UserError, Equatable {
  package var status: ExitStatus
  package var message: Message { "interrupted; no partial output was left" }

  package init(status: ExitStatus) { self.status = status }
}

/// A file returned different values in a later pass than in an earlier one.
package struct ChangedInputError: UserError, Equatable {
  package var path: String

  package init(path: String) { self.path = path }

  package var status: ExitStatus { .badInput }
  package var facts: ErrorFacts { ErrorFacts(code: status.name, path: path) }
  package var message: Message { "\(path.printable): changed while it was being read" }
  package var hint: Message? { "run the command again when no other program writes to the file" }
}

/// Several errors that were found together.
package struct SeveralErrors: UserError {
  package let errors: [any UserError]

  package init(errors: [any UserError]) { self.errors = errors }

  package var status: ExitStatus { errors.first?.status ?? .bug }
  package var facts: ErrorFacts { errors.first?.facts ?? ErrorFacts(code: status.name) }
  package var message: Message {
    errors.dropFirst().reduce(errors.first?.message ?? "") { $0 + "\n" + $1.message }
  }

  /// Does nothing if `errors` is empty, throws a single error as it is, and throws several as `SeveralErrors`.
  package static func throwIfAny(_ errors: [any UserError]) throws {
    guard let first = errors.first else { return }
    guard errors.count > 1 else { throw first }
    throw SeveralErrors(errors: errors)
  }
}
