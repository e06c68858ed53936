import YAML

/// A builder for the values of one document from its events.
///
/// An alias shares the value of its anchor and needs no memory. Its values count against the limit at each use, so a
/// traversal of the result visits at most `valueLimit` values.
struct RecipeComposer {
  static let depthLimit = 64
  static let valueLimit = 1 << 20

  private struct Node {
    var value: RecipeValue
    /// The text of a scalar, whatever its type.
    var text: String?
    /// The number of values in the node; values of aliases count at each use.
    var count: Int
    /// The number of levels in the node: 1 for a scalar.
    var height: Int
  }

  private enum Anchor {
    /// The end of the anchored value has not been read yet.
    case open
    case closed(Node)
  }

  private var anchors: [String: Anchor] = [:]
  private var count = 0

  /// Returns the value of the only document, or nil if there is none.
  mutating func document(from events: inout YAMLEventReader) throws(YAMLFault) -> RecipeValue? {
    guard try events.next().kind == .documentStart else { return nil }
    let root = try node(events.next(), depth: 0, from: &events)
    let next = try events.next()
    guard next.kind == .streamEnd else {
      throw YAMLFault("a second document begins, expected only one", line: next.line)
    }
    return root.value
  }

  private mutating func node(
    _ event: YAMLEvent, depth: Int, from events: inout YAMLEventReader
  ) throws(YAMLFault) -> Node {
    if case .alias(let name) = event.kind {
      return try target(name, depth: depth, line: event.line)
    }
    try checkDepth(depth + 1, line: event.line)
    try add(1, line: event.line)
    if let anchor = event.anchor { anchors[anchor] = .open }
    var node: Node
    switch event.kind {
    case .scalar(let text, let isPlain):
      let content = try RecipeScalar.content(
        of: text, isPlain: isPlain, tag: event.tag, line: event.line)
      node = Node(
        value: RecipeValue(content, line: event.line), text: text, count: 1, height: 1)
    case .sequenceStart:
      try RecipeScalar.check(tag: event.tag, is: "seq", line: event.line)
      node = try sequence(line: event.line, depth: depth, from: &events)
    case .mappingStart:
      try RecipeScalar.check(tag: event.tag, is: "map", line: event.line)
      node = try mapping(line: event.line, depth: depth, from: &events)
    case .alias, .documentStart, .streamEnd, .sequenceEnd, .mappingEnd:
      throw YAMLFault("expected a value", line: event.line)
    }
    if let anchor = event.anchor { anchors[anchor] = .closed(node) }
    return node
  }

  private mutating func sequence(
    line: Int, depth: Int, from events: inout YAMLEventReader
  ) throws(YAMLFault) -> Node {
    let start = count
    var values: [RecipeValue] = []
    var height = 0
    while true {
      let event = try events.next()
      if event.kind == .sequenceEnd { break }
      let item = try node(event, depth: depth + 1, from: &events)
      values.append(item.value)
      height = max(height, item.height)
    }
    return Node(
      value: RecipeValue(.list(values), line: line), count: 1 + count - start, height: 1 + height)
  }

  private mutating func mapping(
    line: Int, depth: Int, from events: inout YAMLEventReader
  ) throws(YAMLFault) -> Node {
    let start = count
    var members = RecipeMembers()
    var height = 0
    while true {
      let event = try events.next()
      if event.kind == .mappingEnd { break }
      let key = try key(event)
      let value = try node(events.next(), depth: depth + 1, from: &events)
      let isMerge = event.kind == .scalar("<<", isPlain: true) && event.tag == nil
      try members.add(key, value.value, isMerge: isMerge, line: event.line)
      height = max(height, value.height)
    }
    return Node(
      value: RecipeValue(.map(members.all), line: line), count: 1 + count - start,
      height: 1 + height)
  }

  /// Returns the text of a key, which is a scalar or an alias of one. A key does not count as a value.
  private mutating func key(_ event: YAMLEvent) throws(YAMLFault) -> String {
    switch event.kind {
    case .scalar(let text, let isPlain):
      let content = try RecipeScalar.content(
        of: text, isPlain: isPlain, tag: event.tag, line: event.line)
      if let anchor = event.anchor {
        let value = RecipeValue(content, line: event.line)
        anchors[anchor] = .closed(Node(value: value, text: text, count: 1, height: 1))
      }
      return text
    case .alias(let name):
      if let text = try target(name, depth: 0, line: event.line).text { return text }
      fallthrough
    case .sequenceStart, .mappingStart, .sequenceEnd, .mappingEnd, .documentStart, .streamEnd:
      throw YAMLFault("a key is a list or a map, expected a text", line: event.line)
    }
  }

  private mutating func target(_ name: String, depth: Int, line: Int) throws(YAMLFault) -> Node {
    switch anchors[name] {
    case .closed(let node):
      try checkDepth(depth + node.height, line: line)
      try add(node.count, line: line)
      return node
    case .open:
      throw YAMLFault("the alias '*\(name)' refers to a value that contains it", line: line)
    case nil:
      throw YAMLFault("the alias '*\(name)' has no anchor before it", line: line)
    }
  }

  private func checkDepth(_ depth: Int, line: Int) throws(YAMLFault) {
    guard depth <= Self.depthLimit else {
      throw YAMLFault(
        "lists and maps are nested more than \(Self.depthLimit) levels deep", line: line)
    }
  }

  private mutating func add(_ count: Int, line: Int) throws(YAMLFault) {
    self.count += count
    guard self.count <= Self.valueLimit else {
      throw YAMLFault(
        "there are more than \(Self.valueLimit) values, including those of aliases", line: line)
    }
  }
}
