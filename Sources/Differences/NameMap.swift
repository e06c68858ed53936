import Base

/// The names in model B of tensors of model A, as rules of a text file.
///
/// Each line has a name in A and a name in B, separated by white space. A `*` in the first stands for any text, which
/// replaces the `*` at the same place of the second. The first line that fits decides. Empty lines and lines that start
/// with `#` are ignored.
package struct NameMap: Sendable, Equatable {
  private struct Rule: Equatable {
    /// The line of the file, from 1 on.
    var line: Int
    /// The texts around the `*`; one more than there are of these.
    var from: [Substring]
    var to: [Substring]
  }

  private var rules: [Rule] = []

  /// Creates a map that leaves names as they are.
  package init() {}

  /// - Throws: ``UsageError`` that names the line if a line does not have two names with as many `*`.
  package init(text: String, path: String) throws {
    for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      let words = line.split(whereSeparator: \.isWhitespace)
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      guard words.count == 2 else {
        throw UsageError(
          "\(path.printable): line \(number + 1) has \(words.count.counted("word")), expected the name in A and the name in B"
        )
      }
      let sides = words.map { $0.split(separator: "*", omittingEmptySubsequences: false) }
      guard sides[0].count == sides[1].count else {
        throw UsageError(
          "\(path.printable): line \(number + 1) has \(sides[0].count - 1) and \(sides[1].count - 1) '*', expected as many in both names"
        )
      }
      rules.append(Rule(line: number + 1, from: sides[0], to: sides[1]))
    }
  }

  /// Returns the name in B of a tensor of A.
  package func name(of name: String) -> String {
    for rule in rules {
      guard let found = Self.match(name, rule.from) else { continue }
      return rule.to.dropFirst().enumerated().reduce(String(rule.to[0])) {
        $0 + found[$1.offset] + $1.element
      }
    }
    return name
  }

  /// Returns the lines that decide about none of the names.
  /// - Complexity: O(*n* · *m*) for *n* names and *m* lines.
  package func unusedLines(for names: some Sequence<String>) -> [Int] {
    var unused = Set(rules.map(\.line))
    for name in names where !unused.isEmpty {
      if let rule = rules.first(where: { Self.match(name, $0.from) != nil }) {
        unused.remove(rule.line)
      }
    }
    return unused.sorted()
  }

  /// Returns the texts that the `*` stand for, each as short as possible except the last; nil if the name does not fit.
  private static func match(_ name: String, _ parts: [Substring]) -> [Substring]? {
    guard name.hasPrefix(parts[0]) else { return nil }
    var rest = name.dropFirst(parts[0].count)
    guard parts.count > 1, let last = parts.last else { return rest.isEmpty ? [] : nil }
    var found: [Substring] = []
    for part in parts.dropFirst().dropLast() {
      guard !part.isEmpty else {
        found.append(rest.prefix(0))
        continue
      }
      guard let range = rest.firstRange(of: part) else { return nil }
      found.append(rest[..<range.lowerBound])
      rest = rest[range.upperBound...]
    }
    guard rest.hasSuffix(last), rest.count >= last.count else { return nil }
    return found + [rest.dropLast(last.count)]
  }
}
