import Base

/// An error about the path of an output that another option than `-o` names.
struct OptionError: UserError {
  private let option: String
  private let error: any UserError

  /// - Parameter option: The name of the option, without hyphens.
  init(_ option: String, _ error: any UserError) {
    self.option = option
    self.error = error
  }

  var status: ExitStatus { error.status }
  var facts: ErrorFacts { error.facts }
  var message: Message { "\(setting: option): " + error.message }
  var hint: Message? {
    switch error {
    case let error as OutputExistsError where error.reason == nil:
      "pass \(setting: "force") to replace it, or choose another name with \(setting: option)"
    case is FileError: error.hint
    default:
      "choose another name with \(setting: option): NAME.safetensors, NAME.sumac, or a folder"
    }
  }
}
