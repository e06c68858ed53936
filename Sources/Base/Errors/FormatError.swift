/// What is wrong with a file, and where.
package struct FormatError: UserError, Equatable {
  /// A stable name to branch on. Each container lists its own as static members.
  package struct Code: Hashable, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
  }

  package var code: Code
  /// What was found and what was expected.
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

  package var message: Message {
    var place = path.printable
    if let tensor { place += ": tensor '\(tensor.printable)'" }
    if let byteOffset { place += (tensor == nil ? ": byte " : " at byte ") + String(byteOffset) }
    return "\(place): " + reason + " [\(code)]"
  }
}
