import Base
import Checkpoints

/// The plain values of a pickle as metadata: numbers, strings, flags, and short lists of them.
///
/// Attributes of objects are not metadata: a module has dozens that say nothing about its weights.
struct PickleMetadata {
  private(set) var metadata: [Checkpoint.Metadatum] = []
  /// The number of values that are not metadata, such as long lists and objects.
  private(set) var leftOutCount = 0

  private static let maximumCount = 4096
  private static let maximumByteCount = 1 << 20
  /// The limit on the names of containers, above which no more of them are entered.
  private static let maximumOpenByteCount = 8 << 20
  private static let maximumListCount = 1024
  private static let maximumStringByteCount = 64 << 10

  private var byteCount = 0
  private var indexes: [UTF8Key: Int] = [:]

  /// - Parameter isSkipped: Returns true for the keys at the top whose values are left out.
  init(of root: PickleValue, in tree: PickleTree, isSkipped: (String) -> Bool) {
    guard case .node(let first) = root, tree.heap.dict(root) != nil else { return }
    var seen = [Bool](repeating: false, count: tree.heap.nodes.count)
    var open: [(node: Int, name: String)] = [(first, "")]
    seen[first] = true
    var next = 0
    var openByteCount = 0
    // Breadth first, so that the values at the top are kept if there are too many.
    while next < open.count {
      let (node, name) = open[next]
      next += 1
      for child in tree.children(of: node) {
        guard case .name(let part) = child.label else { continue }
        if name.isEmpty, isSkipped(part) { continue }
        let inner = name.isEmpty ? part : name + "." + part
        if let value = Self.value(child.value, in: tree) {
          add(inner, value)
        } else if case .node(let node) = child.value, Self.isContainer(child.value, in: tree),
          !seen[node], openByteCount < Self.maximumOpenByteCount
        {
          openByteCount += inner.utf8.count + 64
          seen[node] = true
          open.append((node, inner))
        } else if !tree.isTensor(child.value) {
          leftOutCount += Self.isEmpty(child.value, in: tree) ? 0 : 1
        }
      }
    }
  }

  private mutating func add(_ key: String, _ value: MetadataValue) {
    let size = key.utf8.count + value.text.utf8.count
    guard metadata.count < Self.maximumCount, byteCount + size <= Self.maximumByteCount,
      !key.equalsAsBytes(Lineage.metadataKey)
    else {
      leftOutCount += 1
      return
    }
    // Python keeps the last value of a key.
    if let index = indexes[UTF8Key(key)] {
      metadata[index].value = value
      return
    }
    byteCount += size
    indexes[UTF8Key(key)] = metadata.count
    metadata.append(Checkpoint.Metadatum(key: key, value: value))
  }

  /// True for a dictionary, and for a short list that is not a plain value itself.
  private static func isContainer(_ value: PickleValue, in tree: PickleTree) -> Bool {
    switch tree.heap.node(value) {
    case .dict(let entries): !entries.isEmpty
    case .list(let values), .tuple(let values):
      !values.isEmpty && values.count <= maximumListCount
    default: false
    }
  }

  private static func isEmpty(_ value: PickleValue, in tree: PickleTree) -> Bool {
    switch tree.heap.node(value) {
    case .list(let values), .tuple(let values), .set(let values): values.isEmpty
    case .dict(let entries): entries.isEmpty
    default: false
    }
  }

  /// Returns the metadata value of a plain value; nil for other values.
  static func value(_ value: PickleValue, in tree: PickleTree) -> MetadataValue? {
    if let scalar = scalar(value, in: tree) { return scalar }
    switch tree.heap.node(value) {
    case .list(let values), .tuple(let values), .set(let values):
      guard !values.isEmpty, values.count <= maximumListCount else { return nil }
      let scalars = values.compactMap { scalar($0, in: tree) }
      return scalars.count == values.count ? .array(scalars) : nil
    default: return nil
    }
  }

  private static func scalar(_ value: PickleValue, in tree: PickleTree) -> MetadataValue? {
    switch value {
    case .none: return .string("None")
    case .bool(let flag): return .boolean(flag)
    case .integer(let number): return .integer(Int64(number))
    case .float(let number):
      return number.isFinite ? .number(number) : .string(String(number))
    case .node(let node):
      switch tree.heap[node] {
      case .string(let text):
        return text.utf8.count <= maximumStringByteCount ? .string(text) : nil
      case .bigInteger(let text): return .string(text)
      case .bytes(let bytes): return bytes.count <= 256 ? .string("0x" + bytes.hexadecimal) : nil
      case .global(let index): return .string(tree.heap.globals[index].text)
      case .record(let index): return text(of: tree.heap.records[index], in: tree)
      default: return nil
      }
    }
  }

  /// Returns the text of objects that are a string or a number with a type, such as `torch.device` and NumPy scalars.
  private static func text(of record: PickleRecord, in tree: PickleTree) -> MetadataValue? {
    let arguments = record.arguments
    switch tree.heap.globals[record.global].text {
    case "torch.device":
      guard let kind = arguments.first.flatMap(tree.heap.string) else { return nil }
      guard arguments.count > 1 else { return .string(kind) }
      return tree.heap.integer(arguments[1]).map { .string("\(kind):\($0)") }
    case "torch.torch_version.TorchVersion", "pathlib.PosixPath", "pathlib.Path",
      "pathlib.PurePosixPath",
      "decimal.Decimal":
      let parts = arguments.compactMap(tree.heap.string)
      guard parts.count == arguments.count, !parts.isEmpty else { return nil }
      let isAbsolute = parts[0] == "/" && parts.count > 1
      return .string(
        (isAbsolute ? "/" : "") + parts.dropFirst(isAbsolute ? 1 : 0).joined(separator: "/"))
    case "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar":
      guard arguments.count == 2, case .bytes(let bytes)? = tree.heap.node(arguments[1]) else {
        return nil
      }
      return NumPyScalar.value(of: bytes, dtype: arguments[0], in: tree)
    default: return nil
    }
  }
}
