import Base

/// The instructions that name classes and functions, or would call them.
extension PickleMachine {
  mutating func name(_ opcode: PickleOpcode, at offset: Int) throws {
    switch opcode {
    case .global: push(try global(at: offset))
    case .stackGlobal:
      let name = try pop(at: offset)
      let module = try pop(at: offset)
      guard let module = heap.string(module), let name = heap.string(name) else {
        throw error(.global, "the name of a class or function is not a string", at: offset)
      }
      push(try global(module: module, name: name, at: offset))
    case .inst:
      let callable = try global(at: offset)
      push(try call(callable, popMark(at: offset), at: offset))
    case .obj:
      let values = try popMark(at: offset)
      guard let callable = values.first else {
        throw error(.pickle, "an instruction needs a class, but there is none", at: offset)
      }
      push(try call(callable, Array(values.dropFirst()), at: offset))
    case .reduce, .newObj:
      let arguments = try pop(at: offset)
      let callable = try pop(at: offset)
      push(try call(callable, tuple(arguments, at: offset), at: offset))
    case .newObjEx:
      let named = try pop(at: offset)
      let arguments = try pop(at: offset)
      let callable = try pop(at: offset)
      guard let entries = heap.dict(named) else {
        throw error(.pickle, "named arguments are not a dictionary", at: offset)
      }
      var values = try tuple(arguments, at: offset)
      if !entries.isEmpty {
        try charge(values.count, at: offset)
        values.append(named)
      }
      push(try call(callable, values, at: offset))
    case .build:
      let state = try pop(at: offset)
      try build(try top(at: offset), state, at: offset)
    case .binPersistentID: push(try storage(try pop(at: offset), at: offset))
    case .persistentID:
      throw error(
        .persistentID, "the pickle refers to an outside object by a line of text", at: offset)
    case .ext1, .ext2, .ext4:
      throw error(
        .opcode, "the pickle uses the extension registry of the program that loads it", at: offset)
    default:
      throw error(.opcode, "the pickle needs buffers that are not part of the file", at: offset)
    }
  }

  private func tuple(_ value: PickleValue, at offset: Int) throws -> [PickleValue] {
    guard let values = heap.tuple(value) else {
      throw error(.pickle, "the arguments of a call are not a tuple", at: offset)
    }
    return values
  }

  /// Counts elements that are copied, whose number must stay below that of the bytes of the pickle.
  mutating func charge(_ count: Int, at offset: Int) throws {
    copiedElementCount += count
    guard copiedElementCount <= cursor.byteOffset + 1024 else {
      throw error(.nesting, "the pickle copies its containers too often", at: offset)
    }
  }

  // MARK: Globals

  /// Reads a module and a name as two lines.
  private mutating func global(at offset: Int) throws -> PickleValue {
    let module = try cursor.line()
    let name = try cursor.line()
    return try global(
      module: String(decoding: module, as: UTF8.self), name: String(decoding: name, as: UTF8.self),
      at: offset)
  }

  private mutating func global(module: String, name: String, at offset: Int) throws -> PickleValue {
    let name = PickleGlobal.Name(module: module, name: name)
    if let known = heap.value(of: name) { return known }
    do {
      return heap.add(PickleGlobal(name: name, role: try GlobalPolicy.role(of: name)))
    } catch {
      throw FormatError(
        .global, "the pickle names '\(Self.shown(name.text))', which \(error.reason)",
        path: cursor.path, byteOffset: offset,
        hint: "the file may run code when Python loads it; nothing was run here")
    }
  }

  /// Returns the start of a text from the file for a message.
  static func shown(_ text: String) -> String {
    (text.utf8.count > 200 ? String(text.prefix(100)) + "…" : text).printable
  }

  // MARK: Calls

  /// Returns the value that stands for a call.
  mutating func call(
    _ callable: PickleValue, _ arguments: [PickleValue], at offset: Int
  ) throws -> PickleValue {
    guard case .global(let index)? = heap.node(callable) else {
      throw error(
        .arguments, "the pickle calls a value that is not a class or function", at: offset)
    }
    let global = heap.globals[index]
    switch global.role {
    case .dictionary: return try dictionary(global, arguments, at: offset)
    case .sequence:
      guard let values = arguments.first else { return heap.add(.list([])) }
      switch heap.node(values) {
      case .list, .tuple, .set: return values
      default: return heap.add(PickleRecord(global: index, arguments: arguments))
      }
    case .size:
      guard arguments.count == 1, heap.elements(arguments[0]) != nil else { break }
      return arguments[0]
    case .encodedBytes: return try encodedBytes(arguments, at: offset)
    case .reconstructor:
      guard arguments.count >= 2, case .global(let type)? = heap.node(arguments[0]) else { break }
      return heap.add(
        PickleRecord(global: type, arguments: Array(arguments.dropFirst(2).prefix(1))))
    case .rebuild(let rebuild):
      return try tensor(rebuild, of: global, index, arguments, at: offset)
    case .layout:
      guard let layout = arguments.first, heap.string(layout) != nil else { break }
      return layout
    case .firstArgument:
      guard let value = arguments.first else { break }
      return value
    case .record: return heap.add(PickleRecord(global: index, arguments: arguments))
    case .storage, .dtype, .constant:
      throw FormatError(
        .global, "the pickle calls '\(global.text)', which is only admitted as a value",
        path: cursor.path, byteOffset: offset)
    }
    throw badArguments(of: global, at: offset)
  }

  func badArguments(of global: PickleGlobal, at offset: Int) -> FormatError {
    error(
      .arguments, "the arguments of '\(global.text)' are not those that PyTorch writes", at: offset)
  }

  /// Returns a new dictionary, or the dictionary that is the last argument.
  private mutating func dictionary(
    _ global: PickleGlobal, _ arguments: [PickleValue], at offset: Int
  ) throws -> PickleValue {
    guard let content = arguments.last, heap.global(content) == nil else {
      return heap.add(.dict([]))
    }
    if case .none = content { return heap.add(.dict([])) }
    if heap.dict(content) != nil { return content }
    guard let pairs = heap.elements(content) else { throw badArguments(of: global, at: offset) }
    try charge(pairs.count, at: offset)
    let entries = try pairs.map { pair in
      guard let pair = heap.elements(pair), pair.count == 2 else {
        throw badArguments(of: global, at: offset)
      }
      return PickleEntry(key: pair[0], value: pair[1])
    }
    return heap.add(.dict(entries))
  }

  /// Returns the bytes of `_codecs.encode(text, "latin1")`.
  private mutating func encodedBytes(
    _ arguments: [PickleValue], at offset: Int
  ) throws -> PickleValue {
    guard let text = arguments.first.flatMap(heap.string),
      arguments.count == 1 || heap.string(arguments[1]) == "latin1"
    else { throw error(.arguments, "'_codecs.encode' has unknown arguments", at: offset) }
    try charge(text.unicodeScalars.count, at: offset)
    let bytes = text.unicodeScalars.compactMap { UInt8(exactly: $0.value) }
    guard bytes.count == text.unicodeScalars.count else {
      throw error(.arguments, "'_codecs.encode' has text that is not Latin-1", at: offset)
    }
    return heap.add(.bytes(bytes))
  }

  /// Keeps the state that an object would get.
  private mutating func build(
    _ target: PickleValue, _ state: PickleValue, at offset: Int
  ) throws {
    guard case .node(let node) = target else {
      throw error(.pickle, "a value without attributes gets a state", at: offset)
    }
    switch heap[node] {
    case .record(let record):
      guard heap.records[record].state == nil else {
        throw error(.pickle, "an object gets a second state", at: offset)
      }
      heap.records[record].state = state
    case .dict, .list, .set: heap.attributes[node] = state
    // The attributes of a tensor are not part of its values.
    case .tensor: break
    default: throw error(.pickle, "a value without attributes gets a state", at: offset)
    }
  }
}
