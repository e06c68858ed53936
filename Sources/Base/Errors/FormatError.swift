/// What is wrong with a file, and where.
package struct FormatError: UserError, Equatable {
  /// A stable name to branch on. Each container lists its own as static members.
  package struct Code: Hashable, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
  }

  package var code: Code
  /// What was found and what was expected.
  package var reason: String
  package var path: String
  package var tensor: String?
  package var byteOffset: Int?
  package var hint: String?

  package init(
    _ code: Code, _ reason: String, path: String, tensor: String? = nil, byteOffset: Int? = nil,
    hint: String? = nil
  ) {
    self.code = code
    self.reason = reason
    self.path = path
    self.tensor = tensor
    self.byteOffset = byteOffset
    self.hint = hint
  }

  package var status: ExitStatus { .badInput }

  package var description: String {
    var place = path.printable
    if let tensor { place += ": tensor '\(tensor.printable)'" }
    if let byteOffset { place += (tensor == nil ? ": byte " : " at byte ") + String(byteOffset) }
    return "\(place): \(reason) [\(code)]"
  }
}
