import Base

/// Names of tensors under what is to be said of them, so that a thousand tensors make one message.
struct GroupedNames {
  private var groups: [(text: Message, hint: Message?, names: [String])] = []
  private var places: [Message: Int] = [:]

  mutating func add(_ name: String, to text: Message, hint: Message? = nil) {
    if let place = places[text] {
      groups[place].names.append(name)
    } else {
      places[text] = groups.count
      groups.append((text, hint, [name]))
    }
  }

  /// A message for each group, by `text`, which gets what is said and the first names.
  func map<T>(_ text: (Message, String, Message?) -> T) -> [T] {
    groups.map { text($0.text, Self.list($0.names), $0.hint) }
  }

  static func list(_ names: [String]) -> String {
    let shown = names.prefix(4).map { "'\($0.printable)'" }.joined(separator: ", ")
    return names.count > 4 ? "\(shown) and \((names.count - 4).grouped) more" : shown
  }
}
