import Base
import Checkpoints

/// The settings that select the tensors an operation applies to.
package struct SelectionSettings: Codable, Sendable, Equatable {
  /// A pattern of names to include or exclude.
  package struct Rule: Codable, Sendable, Equatable {
    package enum Kind: String, Codable, Sendable { case include, exclude }

    package var kind: Kind
    /// A pattern of tensor names.
    package var glob: String

    package init(_ kind: Kind, _ glob: String) {
      self.kind = kind
      self.glob = glob
    }
  }

  /// The rules in the order in which they were given; the last match applies.
  package var rules: [Rule] = []
  /// The path of a file with one name per line; other names are excluded.
  package var namesFile: String?

  package init() {}

  private static let maximumByteCount = 1 << 28

  /// Returns the rules and a hash of the list of names, for the command of a run folder; nil if all tensors are selected.
  func command() throws -> JSONValue? {
    guard !rules.isEmpty || namesFile != nil else { return nil }
    var parts = rules.map { JSONValue.string("\($0.kind.rawValue) \($0.glob)") }
    if let namesFile {
      let file = try InputFile(path: namesFile)
      let digits = XXH64.digits(of: try file.bytes(at: 0, count: file.byteCount))
      parts.append(.string("names \(digits)"))
    }
    return .array(parts)
  }

  func selection() throws -> Selection {
    var names: Set<String>?
    if let namesFile {
      let file = try InputFile(path: namesFile)
      guard file.byteCount <= Self.maximumByteCount else {
        throw UsageError("\(namesFile.printable): the list of names is larger than 256 MiB")
      }
      let text = String(decoding: try file.bytes(at: 0, count: file.byteCount), as: UTF8.self)
      names = Set(text.split(whereSeparator: \.isNewline).map(String.init))
    }
    return Selection(
      rules: rules.map { rule in
        switch rule.kind {
        case .include: .include(Glob(rule.glob))
        case .exclude: .exclude(Glob(rule.glob))
        }
      }, names: names)
  }
}
