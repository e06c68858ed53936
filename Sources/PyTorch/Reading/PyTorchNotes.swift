import Base

/// Notes for the user about what was read from a PyTorch file.
enum PyTorchNotes {
  /// Returns notes about the part of the file that is read.
  static func notes(
    part: PyTorchKey, names: TensorNames, tree: PickleTree, isAutomatic: Bool
  ) -> [Message] {
    var notes: [Message] = []
    if isAutomatic, !part.keys.isEmpty {
      let others = part.leftOut.map { other in
        "'\(PickleMachine.shown(other.key))' with \(tensorCount(other.value, in: tree).counted("tensor"))"
      }
      let rest =
        others.isEmpty ? "" : "; the file also has \(others.joined(separator: ", "))"
      notes.append(
        "read '\(part.text.printable)'\(rest): \(setting: "key") '' reads everything, \(setting: "key") NAME another part"
      )
    } else if isAutomatic, names.isNested, tree.heap.dict(part.root) != nil {
      notes.append(
        "the file has tensors in nested containers; their keys are joined by dots: \(setting: "key") NAME reads one of them"
      )
    }
    return notes
  }

  /// Returns the number of different tensors below a value.
  private static func tensorCount(_ value: PickleValue, in tree: PickleTree) -> Int {
    let reached = tree.nodesWithTensors(from: value)
    var tensors: Set<Int> = []
    for (node, isReached) in reached.enumerated() where isReached {
      if case .tensor(let index) = tree.heap[node] { tensors.insert(index) }
    }
    return tensors.count
  }

  /// Returns notes about classes, and about values that are not read.
  static func notes(
    _ plain: PickleMetadata, heap: PickleHeap, names: TensorNames, path: String
  ) -> [Message] {
    var notes: [Message] = []
    let classes = Set(heap.records.map(\.global)).map { heap.globals[$0].text }
      .filter { !$0.hasPrefix("torch.device") && !$0.hasPrefix("numpy.") }
      .sorted { $0.precedesAsBytes($1) }
    if !classes.isEmpty {
      let shown = classes.prefix(5).map { PickleMachine.shown($0) }.joined(separator: ", ")
      let more = classes.count > 5 ? " and \(classes.count - 5) more" : ""
      notes.append("objects are read as their contents, not built: \(shown)\(more)")
    }
    if plain.leftOutCount > 0 {
      notes.append(
        "\(plain.leftOutCount.counted("value")) that \(plain.leftOutCount == 1 ? "is" : "are") neither a tensor nor plain "
          + "\(plain.leftOutCount == 1 ? "is" : "are") left out")
    }
    return notes
  }
}
