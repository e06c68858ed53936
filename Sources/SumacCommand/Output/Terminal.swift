import Base
import Glibc

/// Prints messages on standard error.
enum Terminal {
  static var isInteractive: Bool { isatty(2) == 1 }

  static func say(_ text: String) { show(text + "\n") }

  static func show(_ text: String) {
    let bytes = Array(text.utf8)
    // SAFETY: the array's memory is valid for the length of the call. Errors are ignored, since there is
    // no other channel to report them on.
    _ = unsafe bytes.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
  }

  static func warn(_ text: String, color: ColorChoice = .auto) {
    say("sumac: \(emphasized("warning:", 33, color)) \(text.withoutControls)")
  }

  /// Returns the word in bold and in the color `code`, if colors are enabled.
  private static func emphasized(_ word: String, _ code: Int, _ choice: ColorChoice) -> String {
    choice.isActive(for: 2) ? "\u{1B}[1;\(code)m\(word)\u{1B}[0m" : word
  }

  static func note(_ text: String) { say("sumac: \(text.withoutControls)") }

  /// Reports an error and ends the program with its status.
  static func fail(
    _ error: any UserError, isQuiet: Bool = false, color: ColorChoice = .auto
  ) -> Never {
    report(error, isQuiet: isQuiet, color: color)
    exit(error.status.rawValue)
  }

  static func report(_ error: any UserError, isQuiet: Bool, color: ColorChoice) {
    for error in (error as? SeveralErrors)?.errors ?? [error] {
      let text = error.message.text(.commandLine).withoutControls
      say("sumac: \(emphasized("error:", 31, color)) \(text)")
      if let hint = error.hint, !isQuiet {
        say("sumac: hint: \(hint.text(.commandLine).withoutControls)")
      }
    }
  }
}
