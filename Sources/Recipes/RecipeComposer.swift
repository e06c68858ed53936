import YAML

/// A builder for the values of documents from their events.
///
/// An alias shares the value of its anchor and needs no memory. Its values count against the limit at each use, so a
/// traversal of all documents visits at most `valueLimit` values.
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

  private struct Anchor {
    /// The position among the anchors of the document.
    var index: Int
    /// The anchored value, or nil if its end has not been read yet.
    var node: Node?
  }

  private var anchors: [String: Anchor] = [:]
  /// For each anchor of the document, true if an alias refers to it.
  private var isReferenced: [Bool] = []
  private var count = 0

  /// Returns the value of the next document with the line where it starts, or nil if there is none.
  mutating func document(
    from events: inout YAMLEventReader
  ) throws(YAMLFault) -> (value: RecipeValue, line: Int)? {
    let start = try events.next()
    guard start.kind == .documentStart else { return nil }
    anchors = [:]
    isReferenced = []
    return (try node(events.next(), depth: 0, from: &events).value, start.line)
  }

  private mutating func define(_ name: String) {
    anchors[name] = Anchor(index: isReferenced.count)
    isReferenced.append(false)
  }

  private mutating func node(
    _ event: YAMLEvent, depth: Int, from events: inout YAMLEventReader
  ) throws(YAMLFault) -> Node {
    if case .alias(let name) = event.kind {
      return try target(name, depth: depth, line: event.line)
    }
    try checkDepth(depth + 1, line: event.line)
    try add(1, line: event.line)
    if let anchor = event.anchor { define(anchor) }
    let index = isReferenced.count - 1
    let node: Node
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
    // A value in between may have redefined the anchor.
    if let anchor = event.anchor, anchors[anchor]?.index == index { anchors[anchor]?.node = node }
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
    /// The anchors in each member of the map of the document.
    var anchors: [String: Range<Int>] = [:]
    while true {
      let event = try events.next()
      if event.kind == .mappingEnd { break }
      let firstAnchor = isReferenced.count
      let key = try key(event)
      let value = try node(events.next(), depth: depth + 1, from: &events)
      height = max(height, value.height)
      if event.kind == .scalar("<<", isPlain: true), event.tag == nil {
        try members.merge(value.value, line: event.line)
      } else {
        try members.add(key, value.value, line: event.line)
        if depth == 0 { anchors[key] = firstAnchor..<isReferenced.count }
      }
    }
    var all = members.all
    for index in all.indices {
      let own = anchors[all[index].key] ?? 0..<0
      all[index].hasAnchors = !own.isEmpty
      all[index].isReferenced = isReferenced[own].contains(true)
    }
    return Node(
      value: RecipeValue(.map(all), line: line), count: 1 + count - start, height: 1 + height)
  }

  /// Returns the text of a key, which is a scalar or an alias of one. A key does not count as a value.
  private mutating func key(_ event: YAMLEvent) throws(YAMLFault) -> String {
    switch event.kind {
    case .scalar(let text, let isPlain):
      let content = try RecipeScalar.content(
        of: text, isPlain: isPlain, tag: event.tag, line: event.line)
      if let anchor = event.anchor {
        define(anchor)
        let value = RecipeValue(content, line: event.line)
        anchors[anchor]?.node = Node(value: value, text: text, count: 1, height: 1)
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
    guard let anchor = anchors[name] else {
      throw YAMLFault("the alias '*\(name.shown)' has no anchor before it", line: line)
    }
    guard let node = anchor.node else {
      throw YAMLFault("the alias '*\(name.shown)' refers to a value that contains it", line: line)
    }
    isReferenced[anchor.index] = true
    try checkDepth(depth + node.height, line: line)
    try add(node.count, line: line)
    return node
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
