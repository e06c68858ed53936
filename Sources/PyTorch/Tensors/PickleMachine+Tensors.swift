import Base
import TensorCore

/// Storages and tensors.
extension PickleMachine {
  /// Returns the storage of a persistent id `('storage', type, key, location, element count[, view])`.
  ///
  /// Files of whole models from before 2020 also have `('module', class, file, source)`, which stands for the class.
  mutating func storage(_ id: PickleValue, at offset: Int) throws -> PickleValue {
    guard let parts = heap.tuple(id), let kind = parts.first.flatMap(heap.string) else {
      throw error(
        .persistentID, "the pickle refers to an outside object of an unknown kind", at: offset)
    }
    if kind == "module", parts.count == 4, heap.global(parts[1]) != nil { return parts[1] }
    guard kind == "storage", parts.count == 5 || parts.count == 6 else {
      throw error(
        .persistentID,
        "the pickle refers to an outside object of the kind '\(Self.shown(kind))', which is not a storage",
        at: offset)
    }
    guard case .storage(let type)? = heap.global(parts[1])?.role, let key = heap.string(parts[2]),
      heap.string(parts[3]) != nil
    else { throw error(.persistentID, "the reference to a storage is malformed", at: offset) }
    guard let count = heap.integer(parts[4]), count >= 0 else {
      throw error(
        .storage,
        "storage '\(Self.shown(key))' has a number of elements that is negative or too large",
        at: offset)
    }
    var storage = TorchStorage(key: key, type: type, elementCount: count, pickleOffset: offset)
    if parts.count == 6, let view = heap.tuple(parts[5]) {
      storage.view = try range(ofView: view, elementCount: count, key: key, at: offset)
    } else if parts.count == 6, case .none = parts[5] {
    } else if parts.count == 6 {
      throw error(.persistentID, "the view of a storage is malformed", at: offset)
    }
    guard storage.byteCount != nil else {
      throw error(.storage, "storage '\(Self.shown(key))' is too large", at: offset)
    }
    heap.storages.append(storage)
    return heap.add(.storage(heap.storages.count - 1))
  }

  private func range(
    ofView view: [PickleValue], elementCount: Int, key: String, at offset: Int
  ) throws -> Range<Int> {
    guard view.count == 3, heap.string(view[0]) != nil, let start = heap.integer(view[1]),
      let count = heap.integer(view[2]), start >= 0, count >= 0, start <= elementCount,
      count <= elementCount - start
    else {
      throw error(
        .storage,
        "a view of storage '\(Self.shown(key))' leads outside of its \(elementCount) elements",
        at: offset)
    }
    return start..<start + count
  }

  // MARK: Tensors

  /// Returns the tensor that a function of PyTorch would make.
  mutating func tensor(
    _ rebuild: TensorRebuild, of global: PickleGlobal, _ index: Int, _ arguments: [PickleValue],
    at offset: Int
  ) throws -> PickleValue {
    switch rebuild {
    case .v1, .v2, .v3: return try strided(rebuild, of: global, arguments, at: offset)
    case .parameter:
      guard let value = arguments.first, case .tensor? = heap.node(value) else { break }
      return value
    case .sparse: return try sparse(global, arguments, at: offset)
    case .sparseCSR:
      guard arguments.count == 2, let parts = heap.tuple(arguments[1]) else { break }
      return try compressed(global, parts, byRows: true, at: offset)
    case .fromType:
      guard arguments.count >= 3, let function = heap.global(arguments[0]),
        case .global(let number)? = heap.node(arguments[0]),
        let inner = heap.tuple(arguments[2])
      else { break }
      guard case .rebuild(let rebuild) = function.role, rebuild != .fromType else {
        return heap.add(PickleRecord(global: index, arguments: arguments))
      }
      let kind = heap.global(arguments[1])?.text ?? "an unknown class"
      if case .unreadable = rebuild {
        return add(.unreadable("a tensor of the class \(kind)"), size: [], at: offset)
      }
      return try tensor(rebuild, of: function, number, inner, at: offset)
    case .unreadable(let kind): return add(.unreadable(kind), size: [], at: offset)
    }
    throw badArguments(of: global, at: offset)
  }

  private mutating func add(
    _ content: TorchTensor.Content, size: [Int], at offset: Int
  ) -> PickleValue {
    heap.tensors.append(TorchTensor(content: content, size: size, pickleOffset: offset))
    return heap.add(.tensor(heap.tensors.count - 1))
  }

  /// `_rebuild_tensor(storage, offset, size, stride)`, version 2 with `requires_grad`, hooks and marks, version 3 with
  /// a dtype before the marks.
  private mutating func strided(
    _ rebuild: TensorRebuild, of global: PickleGlobal, _ arguments: [PickleValue], at offset: Int
  ) throws -> PickleValue {
    let counts = rebuild == .v1 ? 4...4 : rebuild == .v2 ? 6...7 : 7...8
    guard counts.contains(arguments.count), case .storage(let storage)? = heap.node(arguments[0])
    else { throw badArguments(of: global, at: offset) }
    guard let start = heap.integer(arguments[1]), let size = integers(arguments[2]),
      let strides = integers(arguments[3]), size.count == strides.count
    else {
      throw error(
        .geometry, "the size, strides or offset of a tensor are not lists of numbers of one length",
        at: offset)
    }
    try charge(size.count + strides.count, at: offset)
    let dtype: TorchDType
    switch (rebuild, heap.storages[storage].type) {
    case (.v3, _):
      guard case .dtype(let stated)? = heap.global(arguments[6])?.role else {
        throw badArguments(of: global, at: offset)
      }
      dtype = stated
    case (_, .typed(let stored)): dtype = stored
    case (_, .untyped):
      throw error(.arguments, "a tensor of a storage without a type has no dtype", at: offset)
    }
    var view = TorchView(storage: storage, dtype: dtype, offset: start, strides: strides)
    let marks = arguments.count == counts.upperBound && rebuild != .v1 ? arguments.last : nil
    if let marks { try mark(&view, marks, of: global, at: offset) }
    return add(.strided(view), size: size, at: offset)
  }

  /// Sets the marks of a view from a dictionary of flags.
  private func mark(
    _ view: inout TorchView, _ marks: PickleValue, of global: PickleGlobal, at offset: Int
  ) throws {
    if case .none = marks { return }
    guard let entries = heap.dict(marks) else { throw badArguments(of: global, at: offset) }
    for entry in entries {
      guard let name = heap.string(entry.key), let flag = heap.bool(entry.value) else {
        throw badArguments(of: global, at: offset)
      }
      switch name {
      case "conj": view.isConjugate = flag
      case "neg": view.isNegative = flag
      default:
        guard !flag else {
          throw error(
            .arguments, "a tensor has the unknown mark '\(Self.shown(name))'", at: offset)
        }
      }
    }
  }

  /// Returns the numbers of a list or tuple; nil if it has other values or more than a shape can have.
  private func integers(_ value: PickleValue) -> [Int]? {
    guard let elements = heap.elements(value), elements.count <= Shape.maximumRank else {
      return nil
    }
    let numbers = elements.compactMap(heap.integer)
    return numbers.count == elements.count ? numbers : nil
  }

  private func tensorIndex(_ value: PickleValue) -> Int? {
    if case .tensor(let index)? = heap.node(value) { index } else { nil }
  }

  // MARK: Sparse tensors

  /// `_rebuild_sparse_tensor(layout, data)`.
  private mutating func sparse(
    _ global: PickleGlobal, _ arguments: [PickleValue], at offset: Int
  ) throws -> PickleValue {
    guard arguments.count == 2, let parts = heap.tuple(arguments[1]) else {
      throw badArguments(of: global, at: offset)
    }
    let layout = heap.string(arguments[0]) ?? heap.global(arguments[0])?.text
    switch layout {
    case "torch.sparse_coo":
      guard parts.count == 3 || parts.count == 4, let indices = tensorIndex(parts[0]),
        let values = tensorIndex(parts[1]), let size = integers(parts[2])
      else { throw badArguments(of: global, at: offset) }
      try charge(size.count, at: offset)
      return add(.coordinates(indices: indices, values: values), size: size, at: offset)
    case "torch.sparse_csr": return try compressed(global, parts, byRows: true, at: offset)
    case "torch.sparse_csc": return try compressed(global, parts, byRows: false, at: offset)
    case let name?:
      return add(.unreadable("a tensor of the layout \(Self.shown(name))"), size: [], at: offset)
    case nil: throw badArguments(of: global, at: offset)
    }
  }

  private mutating func compressed(
    _ global: PickleGlobal, _ parts: [PickleValue], byRows: Bool, at offset: Int
  ) throws -> PickleValue {
    guard parts.count == 4, let starts = tensorIndex(parts[0]), let indices = tensorIndex(parts[1]),
      let values = tensorIndex(parts[2]), let size = integers(parts[3])
    else { throw badArguments(of: global, at: offset) }
    try charge(size.count, at: offset)
    return add(
      .compressed(starts: starts, indices: indices, values: values, byRows: byRows), size: size,
      at: offset)
  }
}
