/// A text for people that holds settings and commands as values, so that each user interface can spell them in its
/// own way: `--exclude 'a.*'` on the command line, `exclude: a.*` in a job file.
///
///     UsageError("\(setting: "rank") is \(rank), expected 1 to \(limit)")
package struct Message: Sendable, Hashable {
  /// A part of a message.
  package enum Part: Sendable, Hashable {
    case text(String)
    /// The name of a setting of an operation, with an optional value.
    case setting(String, value: String?)
    /// A command with its arguments, such as `inspect model.sumac`.
    case command(String)
  }

  package private(set) var parts: [Part]

  package init(_ text: String) { parts = [.text(text)] }

  /// Creates a list of the given settings, separated by commas.
  package init(settings names: [String]) {
    parts = []
    for name in names {
      if !parts.isEmpty { parts.append(.text(", ")) }
      parts.append(.setting(name, value: nil))
    }
  }

  package static func + (left: Message, right: Message) -> Message {
    var result = left
    result.parts += right.parts
    return result
  }

  @_disfavoredOverload
  package static func + (left: Message, right: String) -> Message { left + Message(right) }

  /// Returns true if the plain spelling contains `text`.
  package func contains(_ text: some StringProtocol) -> Bool { description.contains(text) }

  /// The spelling of settings and commands.
  package enum Spelling: Sendable {
    /// `--rank 8`, `sumac inspect model`.
    case commandLine
    /// `rank 8`, `inspect model`.
    case plain
  }

  /// Returns the text of the message with settings and commands in the given spelling.
  package func text(_ spelling: Spelling) -> String {
    parts.map { part in
      switch part {
      case .text(let text): text
      case .setting(let name, let value):
        (spelling == .commandLine ? "--" : "") + name + (value.map { " " + $0 } ?? "")
      case .command(let words): (spelling == .commandLine ? "sumac " : "") + words
      }
    }.joined()
  }
}

extension Message: CustomStringConvertible {
  package var description: String { text(.plain) }
}

extension Message: ExpressibleByStringInterpolation {
  package init(stringLiteral text: String) { self.init(text) }

  package init(stringInterpolation: StringInterpolation) { parts = stringInterpolation.parts }

  package struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var parts: [Part] = []

    package init(literalCapacity: Int, interpolationCount: Int) {}

    package mutating func appendLiteral(_ text: String) {
      if case .text(let before)? = parts.last {
        parts[parts.count - 1] = .text(before + text)
      } else if !text.isEmpty {
        parts.append(.text(text))
      }
    }

    package mutating func appendInterpolation<T>(_ value: T) { appendLiteral("\(value)") }

    package mutating func appendInterpolation(_ message: Message) { parts += message.parts }

    /// Appends a setting; `value` is inserted verbatim, including any quotes.
    package mutating func appendInterpolation(setting name: String, _ value: String? = nil) {
      parts.append(.setting(name, value: value))
    }

    package mutating func appendInterpolation(command words: String) {
      parts.append(.command(words))
    }
  }
}
