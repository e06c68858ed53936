import Base
import TensorCore

/// The names of the tensors below a value: the keys, positions and attributes that lead to them, joined by dots.
///
/// A container that is used several times gives its tensors several names. A container inside of itself is left out the
/// second time, since all of its tensors have names already.
struct TensorNames {
  static let maximumNameByteCount = 4096

  private(set) var names: [(name: String, tensor: Int)] = []
  /// True if a name has parts from several containers.
  private(set) var isNested = false

  /// An open container.
  private struct Frame {
    var node: Int
    var children: [PickleTree.Child]
    /// The length of the name of the container.
    var nameByteCount: Int
    /// The number of parts of its name.
    var depth: Int
  }

  /// - Parameters:
  ///   - prefix: The name of the value.
  ///   - path: The path of the pickle, for messages.
  init(
    of root: PickleValue, in tree: PickleTree, hasTensors: [Bool], prefix: String = "", path: String
  ) throws {
    guard case .node(let first) = root, hasTensors[first] else { return }
    if case .tensor(let index) = tree.heap[first] {
      names = [(prefix, index)]
      return
    }
    var isOpen = [Bool](repeating: false, count: tree.heap.nodes.count)
    var name = Array(prefix.utf8)
    var frames: [Frame] = []
    // Shared containers can give exponentially many names; honest files give few per tensor.
    var visitsLeft = 16 * tree.heap.nodes.count + 1 << 16
    let nameLimit = 4 * tree.heap.tensors.count + 1 << 16
    func open(_ child: PickleTree.Child, _ node: Int, depth: Int) {
      isOpen[node] = true
      let children = tree.children(of: node, isState: child.isState)
      visitsLeft -= children.count + 1
      frames.append(
        Frame(
          node: node, children: children.reversed(), nameByteCount: name.count, depth: depth))
    }
    open(PickleTree.Child(label: .same, value: root), first, depth: prefix.isEmpty ? 0 : 1)
    while !frames.isEmpty {
      let current = frames.count - 1
      name.removeLast(name.count - frames[current].nameByteCount)
      guard let child = frames[current].children.popLast() else {
        isOpen[frames.removeLast().node] = false
        continue
      }
      guard case .node(let node) = child.value, hasTensors[node], !isOpen[node] else { continue }
      var depth = frames[current].depth
      if case .name(let part) = child.label {
        if depth > 0 { name.append(UInt8(ascii: ".")) }
        name += part.utf8
        depth += 1
      }
      guard name.count <= Self.maximumNameByteCount else {
        throw FormatError(
          .name,
          "a name is longer than \(Self.maximumNameByteCount) bytes, starting with "
            + "'\(PickleMachine.shown(String(decoding: name.prefix(64), as: UTF8.self)))'",
          path: path)
      }
      if case .tensor(let index) = tree.heap[node] {
        names.append((String(decoding: name, as: UTF8.self), index))
        if depth > 1 { isNested = true }
      } else {
        open(child, node, depth: depth)
      }
      guard visitsLeft >= 0, names.count <= nameLimit else {
        throw FormatError(
          .nesting,
          "the containers of the pickle share each other so often that they give more than "
            + "\(names.count.grouped) names", path: path,
          hint: "read a part of the file with \(setting: "key")")
      }
    }
  }
}
