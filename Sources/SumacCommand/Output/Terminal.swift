import Glibc
import TensorCore

/// Messages for people, on standard error.
enum Terminal {
  nonisolated static var isInteractive: Bool { isatty(2) == 1 }

  static func say(_ text: String) { show(text + "\n") }

  static func show(_ text: String) {
    let bytes = Array(text.utf8)
    // SAFETY: the array's own memory for the length of the call. A message that cannot be written
    // has nobody to read it.
    _ = unsafe bytes.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
  }

  static func warn(_ text: String) { say("sumac: warning: \(text)") }
  static func note(_ text: String) { say("sumac: \(text)") }

  /// Reports an error and ends the program with its status.
  static func fail(_ error: any UserError, isQuiet: Bool = false) -> Never {
    let errors = (error as? SeveralErrors)?.errors ?? [error]
    for error in errors {
      say("sumac: error: \(error)")
      if let hint = error.hint, !isQuiet { say("sumac: hint: \(hint)") }
    }
    exit(error.status.rawValue)
  }
}
