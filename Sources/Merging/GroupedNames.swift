import Base

/// Tensor names grouped by message, so that a thousand tensors with the same fault produce one message.
struct GroupedNames {
  private var groups: [(text: Message, hint: Message?, names: [String])] = []
  private var indices: [Message: Int] = [:]

  /// Adds a name to the group of a message.
  mutating func add(_ name: String, to text: Message, hint: Message? = nil) {
    if let index = indices[text] {
      groups[index].names.append(name)
    } else {
      indices[text] = groups.count
      groups.append((text, hint, [name]))
    }
  }

  /// Returns the result of `text` for each group.
  ///
  /// - Parameter text: Receives the message of the group, its first names, and its hint.
  func map<T>(_ text: (Message, String, Message?) -> T) -> [T] {
    groups.map { text($0.text, Self.list($0.names), $0.hint) }
  }

  /// Returns up to four names in quotes, followed by the number of names that are not shown.
  static func list(_ names: [String]) -> String {
    let shown = names.prefix(4).map { "'\($0.printable)'" }.joined(separator: ", ")
    return names.count > 4 ? "\(shown) and \((names.count - 4).grouped) more" : shown
  }
}
