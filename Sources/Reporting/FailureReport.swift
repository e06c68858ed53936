package import Base

/// An error as a report: the failure of a command, or of one of several inputs.
package struct FailureReport: Report {
  package static let schema = "sumac.failure/1"

  /// The error of an input or a command; several that were found together are listed one by one.
  private let errors: [any UserError]
  private let status: ExitStatus
  /// The input that failed, if the command has several.
  private let path: String?

  package init(_ error: any UserError, path: String? = nil) {
    errors = (error as? SeveralErrors)?.errors ?? [error]
    status = error.status
    self.path = path
  }

  /// The code of the first error.
  var code: String { errors.first?.facts.code ?? status.name }
  /// The message of all errors.
  var message: String { errors.map { $0.message.text(.commandLine) }.joined(separator: "; ") }

  package var sections: [Section] {
    errors.map { error in
      var facts = [
        Section.Fact("error", error.message.text(.commandLine)),
        Section.Fact("code", error.facts.code),
      ]
      if let hint = error.hint { facts.append(Section.Fact("hint", hint.text(.commandLine))) }
      return .facts(facts)
    }
  }

  package var records: Table {
    Table(
      ["path", "tensor", "error_code", "error"].map { Table.Column($0) },
      rows: errors.map { error in
        let facts = error.facts
        return [
          path ?? facts.path ?? "", facts.tensor ?? "", facts.code,
          error.message.text(.commandLine),
        ]
      })
  }

  package var members: JSONObject {
    [
      "path": (path ?? errors.first?.facts.path).map { .string($0) } ?? .null,
      "code": .string(code), "status": JSONValue(Int(status.rawValue)),
      "message": .string(message),
      "errors": .array(errors.map(Self.json)),
    ]
  }

  package var lines: [JSONValue] { [document] }

  private static func json(_ error: any UserError) -> JSONValue {
    func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
    let facts = error.facts
    return .object([
      "code": .string(facts.code), "message": .string(error.message.text(.commandLine)),
      "path": text(facts.path), "tensor": text(facts.tensor),
      "byte": facts.byteOffset.map { JSONValue($0) } ?? .null,
      "hint": text(error.hint?.text(.commandLine)),
    ])
  }
}
