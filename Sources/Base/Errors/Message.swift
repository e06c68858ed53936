/// A text for people in which settings and commands stand as values, so that each edge spells them in its own
/// way: `--exclude 'a.*'` on a command line, `exclude: a.*` in a file of jobs.
///
///     UsageError("\(setting: "rank") is \(rank), expected 1 to \(limit)")
package struct Message: Sendable, Hashable {
  package enum Part: Sendable, Hashable {
    case text(String)
    /// A setting of an operation by its name, with a value for it.
    case setting(String, value: String?)
    /// A command with its arguments, such as `inspect model.sumac`.
    case command(String)
  }

  package private(set) var parts: [Part]

  package init(_ text: String) { parts = [.text(text)] }

  /// The names of several settings.
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

  /// Whether its plain spelling has `text` in it.
  package func contains(_ text: some StringProtocol) -> Bool { description.contains(text) }

  /// How settings and commands are spelled.
  package enum Spelling: Sendable {
    /// `--rank 8`, `sumac inspect model`.
    case commandLine
    /// `rank 8`, `inspect model`.
    case plain
  }

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

    /// A setting by its name, with a value as it is written, quotes included.
    package mutating func appendInterpolation(setting name: String, _ value: String? = nil) {
      parts.append(.setting(name, value: value))
    }

    package mutating func appendInterpolation(command words: String) {
      parts.append(.command(words))
    }
  }
}
