import Base

/// The values that a pickle builds, addressed by index, so that shared and cyclic containers need neither reference
/// counts nor recursion.
///
/// Each instruction adds at most one node and a constant number of references, so the memory is proportional to the
/// length of the pickle.
struct PickleHeap {
  private(set) var nodes: [PickleNode] = []
  var records: [PickleRecord] = []
  private(set) var globals: [PickleGlobal] = []
  var storages: [TorchStorage] = []
  var tensors: [TorchTensor] = []
  /// The attributes that dictionaries have beside their entries, by node.
  var attributes: [Int: PickleValue] = [:]
  private var globalValues: [PickleGlobal.Name: PickleValue] = [:]

  subscript(node: Int) -> PickleNode { nodes[node] }

  mutating func add(_ node: PickleNode) -> PickleValue {
    nodes.append(node)
    return .node(nodes.count - 1)
  }

  mutating func add(_ record: PickleRecord) -> PickleValue {
    records.append(record)
    return add(.record(records.count - 1))
  }

  /// Adds a function or class to the list of those that were seen.
  mutating func add(_ global: PickleGlobal) -> PickleValue {
    globals.append(global)
    let value = add(.global(globals.count - 1))
    globalValues[global.name] = value
    return value
  }

  /// Returns the value of a function or class that was seen before.
  func value(of name: PickleGlobal.Name) -> PickleValue? { globalValues[name] }

  // MARK: Access

  func node(_ value: PickleValue) -> PickleNode? {
    if case .node(let index) = value { nodes[index] } else { nil }
  }

  func string(_ value: PickleValue) -> String? {
    if case .string(let text)? = node(value) { text } else { nil }
  }

  func integer(_ value: PickleValue) -> Int? {
    if case .integer(let number) = value { number } else { nil }
  }

  func bool(_ value: PickleValue) -> Bool? {
    if case .bool(let flag) = value { flag } else { nil }
  }

  func tuple(_ value: PickleValue) -> [PickleValue]? {
    if case .tuple(let values)? = node(value) { values } else { nil }
  }

  /// Returns the elements of a list or tuple.
  func elements(_ value: PickleValue) -> [PickleValue]? {
    switch node(value) {
    case .tuple(let values), .list(let values): values
    default: nil
    }
  }

  func dict(_ value: PickleValue) -> [PickleEntry]? {
    if case .dict(let entries)? = node(value) { entries } else { nil }
  }

  func global(_ value: PickleValue) -> PickleGlobal? {
    if case .global(let index)? = node(value) { globals[index] } else { nil }
  }

  // MARK: Changes

  /// Appends values to a list, a set or a record; returns false for anything else.
  mutating func append(_ values: [PickleValue], to target: PickleValue) -> Bool {
    guard case .node(let index) = target else { return false }
    switch nodes[index] {
    case .list(var elements):
      // The node gives up its reference, so that the array grows in place.
      nodes[index] = .tuple([])
      elements.append(contentsOf: values)
      nodes[index] = .list(elements)
    case .set(var elements):
      nodes[index] = .tuple([])
      elements.append(contentsOf: values)
      nodes[index] = .set(elements)
    case .record(let record):
      records[record].items.append(contentsOf: values)
    default: return false
    }
    return true
  }

  /// Sets entries of a dictionary or a record from keys and values in turn; returns false for anything else.
  mutating func set(_ values: [PickleValue], of target: PickleValue) -> Bool {
    guard case .node(let index) = target, values.count % 2 == 0 else { return false }
    let entries = stride(from: 0, to: values.count, by: 2).map {
      PickleEntry(key: values[$0], value: values[$0 + 1])
    }
    switch nodes[index] {
    case .dict(var all):
      nodes[index] = .tuple([])
      all.append(contentsOf: entries)
      nodes[index] = .dict(all)
    case .record(let record):
      records[record].entries.append(contentsOf: entries)
    default: return false
    }
    return true
  }

  /// The approximate size in bytes.
  var byteCount: Int { 48 * nodes.count + 160 * (records.count + tensors.count + storages.count) }
}
