import Base

/// The containers of a pickle as a tree of names.
struct PickleTree {
  /// The part of a name that leads to a child.
  enum Label {
    /// The child has the name of its parent.
    case same
    case name(String)
  }

  struct Child {
    var label: Label
    var value: PickleValue
    /// True if the child is a dictionary with the attributes of an object.
    var isState = false
  }

  let heap: PickleHeap

  /// The attributes under which modules of PyTorch keep what they contain, and that are not part of names.
  private static let moduleParts: Set<String> = ["_parameters", "_buffers", "_modules"]
  /// Classes that only wrap the tensor that is their first argument.
  private static let wrappers: Set<String> = [
    "torch.nn.parameter.Parameter", "torch.nn.Parameter", "torch.nn.parameter.Buffer",
    "torch.nn.Buffer",
  ]

  /// Returns the text of a key; nil for keys without one.
  func text(ofKey key: PickleValue) -> String? {
    switch key {
    case .none: return "None"
    case .bool(let flag): return flag ? "True" : "False"
    case .integer(let number): return String(number)
    case .float(let number): return String(number)
    case .node(let node):
      switch heap[node] {
      case .string(let text): return text
      case .bigInteger(let text): return text
      case .bytes(let bytes): return String(validating: bytes, as: UTF8.self)
      default: return nil
      }
    }
  }

  private func children(of entries: [PickleEntry], isState: Bool) -> [Child] {
    entries.enumerated().map { index, entry in
      let text = text(ofKey: entry.key) ?? String(index)
      let isPart = isState && Self.moduleParts.contains(text) && heap.dict(entry.value) != nil
      return Child(label: isPart ? .same : .name(text), value: entry.value)
    }
  }

  private func children(of values: [PickleValue]) -> [Child] {
    values.enumerated().map { Child(label: .name(String($0)), value: $1) }
  }

  /// Returns the contents of a node in order.
  func children(of node: Int, isState: Bool = false) -> [Child] {
    switch heap[node] {
    case .tuple(let values), .list(let values), .set(let values):
      guard !isState else {
        // The state of an object with slots: its dictionary and its slots.
        return values.map { Child(label: .same, value: $0, isState: true) }
      }
      return children(of: values)
    case .dict(let entries): return children(of: entries, isState: isState)
    case .record(let index):
      let record = heap.records[index]
      if Self.wrappers.contains(heap.globals[record.global].text),
        let first = record.arguments.first, isTensor(first)
      {
        return [Child(label: .same, value: first)]
      }
      return children(of: record.arguments)
        + (record.state.map { [Child(label: .same, value: $0, isState: true)] } ?? [])
        + children(of: record.items) + children(of: record.entries, isState: false)
    case .string, .bytes, .bigInteger, .global, .storage, .tensor: return []
    }
  }

  func isTensor(_ value: PickleValue) -> Bool {
    if case .tensor? = heap.node(value) { true } else { false }
  }

  func isRecord(_ value: PickleValue) -> Bool {
    if case .record? = heap.node(value) { true } else { false }
  }

  /// Returns for each node whether it is or contains a tensor; false for nodes that `root` does not reach.
  ///
  /// A container that contains itself is not counted again inside of itself.
  /// - Complexity: O(*n*) for *n* values; without recursion.
  func nodesWithTensors(from root: PickleValue) -> [Bool] {
    var result = [Bool](repeating: false, count: heap.nodes.count)
    var seen = result
    guard case .node(let first) = root else { return result }
    var path: [(node: Int, children: [Child])] = []
    func enter(_ node: Int) {
      seen[node] = true
      if case .tensor = heap[node] { result[node] = true }
      path.append((node, children(of: node).reversed()))
    }
    enter(first)
    while !path.isEmpty {
      let current = path[path.count - 1].node
      guard let child = path[path.count - 1].children.popLast() else {
        path.removeLast()
        if result[current], !path.isEmpty { result[path[path.count - 1].node] = true }
        continue
      }
      guard case .node(let node) = child.value else { continue }
      if seen[node] {
        if result[node] { result[current] = true }
      } else {
        enter(node)
      }
    }
    return result
  }
}
