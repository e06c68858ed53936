import Base

/// The part of a file whose tensors are read.
struct PyTorchKey {
  var root: PickleValue
  /// The keys that lead to it from the value of the file.
  var keys: [String] = []
  /// The keys beside it that hold other tensors, with the number of their names.
  var leftOut: [(key: String, value: PickleValue)] = []

  var text: String { keys.joined(separator: ".") }

  // MARK: The key that is asked for

  /// Finds the value for a key such as `model.state_dict`. Keys may contain dots themselves.
  init(_ text: String, from root: PickleValue, in tree: PickleTree, path: String) throws {
    guard let found = Self.find(text[...], from: root, in: tree) else {
      let known = tree.topLevelKeys(of: root).prefix(12).map { PickleMachine.shown($0) }
      throw FormatError(
        .key, "the file has nothing at the key '\(PickleMachine.shown(text))'", path: path,
        hint: known.isEmpty
          ? "the file has no keys" : "keys at the top: \(known.joined(separator: ", "))")
    }
    self.root = found
    keys = [text]
  }

  /// - Complexity: Each step of the recursion uses a part of the text, which the user gave.
  private static func find(
    _ text: Substring, from value: PickleValue, in tree: PickleTree
  ) -> PickleValue? {
    guard case .node(let node) = value else { return nil }
    for child in tree.attributes(of: node) {
      guard case .name(let part) = child.label else { continue }
      if part.equalsAsBytes(String(text)) { return child.value }
      guard text.utf8.starts(with: part.utf8), text.utf8.dropFirst(part.utf8.count).first == 46
      else { continue }
      let rest = Substring(text.utf8.dropFirst(part.utf8.count + 1))
      if let found = find(rest, from: child.value, in: tree) { return found }
    }
    return nil
  }

  // MARK: The automatic choice

  /// The names under which training programs save the weights of a model.
  private static let wrappers: Set<String> = [
    "state_dict", "model_state_dict", "model_state", "model", "module", "net", "network", "weights",
    "params", "ema", "ema_state_dict", "model_ema", "state_dict_ema", "params_ema", "generator",
    "net_g", "teacher", "student",
  ]

  /// The starts of the names under which training programs save the state of the training.
  private static let trainingStates = [
    "optim", "opt_", "lr_sched", "sched", "rng", "random_state", "torch_rng", "cuda_rng",
    "numpy_rng", "scaler", "grad_scaler", "amp", "callbacks", "loops", "trainer", "loss_scaler",
  ]

  private static func isTrainingState(_ key: String) -> Bool {
    let key = key.lowercased()
    return key == "opt" || trainingStates.contains { key.hasPrefix($0) }
  }

  /// Chooses the weights: the whole value, unless one of its keys is a known name for weights and all other tensors are
  /// the state of a training.
  init(automaticallyFrom root: PickleValue, in tree: PickleTree, hasTensors: [Bool]) {
    self.root = root
    // Wrappers are at most a few levels deep.
    for _ in 0..<4 {
      guard let entries = tree.heap.dict(self.root) else { return }
      let filled = entries.filter {
        if case .node(let node) = $0.value { hasTensors[node] } else { false }
      }
      let wrapped = filled.filter { entry in
        guard let key = tree.heap.string(entry.key), Self.wrappers.contains(key) else {
          return false
        }
        return tree.heap.dict(entry.value) != nil || tree.isRecord(entry.value)
      }
      guard wrapped.count == 1, let key = tree.heap.string(wrapped[0].key) else { return }
      let others = filled.compactMap { entry -> (key: String, value: PickleValue)? in
        let text = tree.text(ofKey: entry.key) ?? ""
        return text == key ? nil : (text, entry.value)
      }
      guard others.allSatisfy({ Self.isTrainingState($0.key) }) else { return }
      self.root = wrapped[0].value
      keys.append(key)
      leftOut += others
    }
  }
}

extension PickleTree {
  /// Returns the children that have names, with those of a state in place of the state.
  func attributes(of node: Int) -> [Child] {
    var result: [Child] = []
    var open: [(Int, Bool)] = [(node, false)]
    // Only states of objects and of their modules are entered, each at most three levels deep.
    var count = 0
    while let (node, isState) = open.popLast(), count < 1024 {
      count += 1
      for child in children(of: node, isState: isState) {
        switch (child.label, child.value) {
        case (.name, _): result.append(child)
        case (.same, .node(let inner)) where !isTensor(child.value):
          open.append((inner, child.isState))
        case (.same, _): break
        }
      }
    }
    return result
  }

  /// Returns the keys at the top of a value.
  func topLevelKeys(of value: PickleValue) -> [String] {
    guard case .node(let node) = value else { return [] }
    return attributes(of: node).compactMap { child in
      if case .name(let text) = child.label { text } else { nil }
    }
  }
}

extension PyTorchKey {
  init(root: PickleValue) { self.root = root }

  /// The last part of the key, the name of a tensor that it leads to.
  var lastKey: String { keys.last ?? "" }
}
