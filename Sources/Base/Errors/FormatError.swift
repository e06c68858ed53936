/// An error in the content of a file: the problem and where it is.
package struct FormatError: UserError, Equatable {
  /// A stable name to branch on, with its entry in the catalogue of errors.
  ///
  /// Each module declares its own as static members and lists them for the catalogue.
  package struct Code: Sendable, CustomStringConvertible {
    /// The name, such as `directory.index`.
    package let description: String
    /// A sentence that describes the problem.
    package let meaning: String
    /// A sentence that describes what to do about it.
    package let remedy: String

    package init(_ name: String, meaning: String, remedy: String) {
      description = name
      self.meaning = meaning
      self.remedy = remedy
    }
  }

  package var code: Code
  /// A text that states what was found and what was expected.
  package var reason: Message
  package var path: String
  package var tensor: String?
  package var byteOffset: Int?
  package var hint: Message?

  package init(
    _ code: Code, _ reason: Message, path: String, tensor: String? = nil, byteOffset: Int? = nil,
    hint: Message? = nil
  ) {
    self.code = code
    self.reason = reason
    self.path = path
    self.tensor = tensor
    self.byteOffset = byteOffset
    self.hint = hint
  }

  @_disfavoredOverload
  package init(
    _ code: Code, _ reason: String, path: String, tensor: String? = nil, byteOffset: Int? = nil,
    hint: Message? = nil
  ) {
    self.init(
      code, Message(reason), path: path, tensor: tensor, byteOffset: byteOffset, hint: hint)
  }

  package var status: ExitStatus { .badInput }

  package var facts: ErrorFacts {
    ErrorFacts(code: code.description, path: path, tensor: tensor, byteOffset: byteOffset)
  }

  package var message: Message {
    var location = path.printable
    if let tensor { location += ": tensor '\(tensor.printable)'" }
    if let byteOffset { location += (tensor == nil ? ": byte " : " at byte ") + String(byteOffset) }
    return "\(location): " + reason + " [\(code)]"
  }
}

extension FormatError.Code: Hashable {
  package static func == (left: Self, right: Self) -> Bool {
    left.description == right.description
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(description) }
}
