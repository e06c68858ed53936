import Base

/// A machine that interprets a pickle of protocol 0 to 5 without calling anything.
///
/// It builds plain containers, strings and numbers, and the descriptions of tensors and storages. Every other class or
/// function that ``GlobalPolicy`` admits becomes a record. Memory and time are proportional to the length of the
/// pickle; nesting costs no stack.
struct PickleMachine {
  var cursor: PickleCursor
  var heap = PickleHeap()
  private(set) var stack: [PickleValue] = []
  /// The heights of the stack at the marks.
  private var marks: [Int] = []
  private var memo = PickleMemo()
  private let limit: CatalogLimit
  /// The number of nodes at which the memory is checked next.
  private var nextCheck = PickleMachine.checkInterval
  /// The number of elements that were copied from one container to another.
  var copiedElementCount = 0

  private static let checkInterval = 1 << 16
  private static let maximumProtocol = 5

  init(_ cursor: PickleCursor, limit: CatalogLimit) {
    self.cursor = cursor
    self.limit = limit
  }

  /// Interprets the pickle up to its end and returns its value. The cursor is then after the last byte.
  mutating func run() throws -> PickleValue {
    while true {
      let offset = cursor.byteOffset
      let byte = try cursor.byte()
      guard let opcode = PickleOpcode(rawValue: byte) else {
        throw error(
          .opcode, "0x\([byte].hexadecimal) is not an instruction of a pickle", at: offset)
      }
      if opcode == .stop {
        let value = try pop(at: offset)
        guard marks.isEmpty, stack.isEmpty else {
          throw error(.pickle, "the pickle ends with unused values", at: offset)
        }
        return value
      }
      try execute(opcode, at: offset)
      if heap.nodes.count >= nextCheck { try checkMemory() }
    }
  }

  private mutating func checkMemory() throws {
    nextCheck = heap.nodes.count + Self.checkInterval
    try limit.check(
      CatalogSize(tensorCount: heap.tensors.count, headerByteCount: 0),
      perTensor: PyTorchFile.catalogByteCount, path: cursor.path)
  }

  func error(_ fault: PyTorchFault, _ reason: String, at offset: Int) -> FormatError {
    FormatError(fault, reason, path: cursor.path, byteOffset: offset)
  }

  // MARK: Stack

  mutating func push(_ value: PickleValue) { stack.append(value) }

  mutating func pop(at offset: Int) throws -> PickleValue {
    guard stack.count > (marks.last ?? 0), let value = stack.popLast() else {
      throw error(.pickle, "an instruction needs a value, but the stack has none", at: offset)
    }
    return value
  }

  func top(at offset: Int) throws -> PickleValue {
    guard stack.count > (marks.last ?? 0), let value = stack.last else {
      throw error(.pickle, "an instruction needs a value, but the stack has none", at: offset)
    }
    return value
  }

  /// Removes the last mark and returns the values after it.
  mutating func popMark(at offset: Int) throws -> [PickleValue] {
    guard let mark = marks.popLast() else {
      throw error(.pickle, "an instruction needs a mark, but there is none", at: offset)
    }
    // An array of its own, so that the stack is not copied when it changes.
    let values = Array(stack[mark...])
    stack.removeLast(values.count)
    return values
  }

  // MARK: Instructions

  private mutating func execute(_ opcode: PickleOpcode, at offset: Int) throws {
    switch opcode {
    case .proto:
      let version = try cursor.byte()
      guard version <= Self.maximumProtocol else {
        throw error(
          .pickle, "the pickle has protocol \(version), expected at most \(Self.maximumProtocol)",
          at: offset)
      }
    case .frame: _ = try cursor.length(byteCount: 8)
    case .stop: break
    case .mark: marks.append(stack.count)
    case .pop:
      if let mark = marks.last, mark == stack.count {
        marks.removeLast()
      } else {
        _ = try pop(at: offset)
      }
    case .popMark: _ = try popMark(at: offset)
    case .dup: push(try top(at: offset))
    case .put, .binPut, .longBinPut, .memoize, .get, .binGet, .longBinGet:
      try remember(opcode, at: offset)
    case .emptyTuple, .emptyList, .emptyDict, .emptySet, .tuple, .tuple1, .tuple2, .tuple3, .list,
      .dict, .frozenSet, .append, .appends, .setItem, .setItems, .addItems:
      try contain(opcode, at: offset)
    case .global, .stackGlobal, .inst, .obj, .reduce, .newObj, .newObjEx, .build, .persistentID,
      .binPersistentID, .ext1, .ext2, .ext4, .nextBuffer, .readOnlyBuffer:
      try name(opcode, at: offset)
    case .none, .newTrue, .newFalse, .int, .binInt, .binInt1, .binInt2, .long, .long1, .long4,
      .float, .binFloat, .string, .binString, .shortBinString, .unicode, .binUnicode,
      .shortBinUnicode, .binUnicode8, .binBytes, .shortBinBytes, .binBytes8, .byteArray8:
      push(try literal(opcode, at: offset))
    }
  }

  private mutating func remember(_ opcode: PickleOpcode, at offset: Int) throws {
    switch opcode {
    case .put: memo[try index(of: cursor.line(), at: offset)] = try top(at: offset)
    case .binPut: memo[Int(try cursor.byte())] = try top(at: offset)
    case .longBinPut: memo[Int(try cursor.unsigned(byteCount: 4))] = try top(at: offset)
    case .memoize: memo[memo.count] = try top(at: offset)
    default:
      let index =
        switch opcode {
        case .get: try index(of: cursor.line(), at: offset)
        case .binGet: Int(try cursor.byte())
        default: Int(try cursor.unsigned(byteCount: 4))
        }
      guard let value = memo[index] else {
        throw error(.pickle, "no value was stored as number \(index)", at: offset)
      }
      push(value)
    }
  }

  private func index(of line: [UInt8], at offset: Int) throws -> Int {
    guard let index = Int(String(decoding: line, as: UTF8.self)), index >= 0 else {
      throw error(.pickle, "the number of a stored value is malformed", at: offset)
    }
    return index
  }

  private mutating func contain(_ opcode: PickleOpcode, at offset: Int) throws {
    switch opcode {
    case .emptyTuple: push(heap.add(.tuple([])))
    case .emptyList: push(heap.add(.list([])))
    case .emptyDict: push(heap.add(.dict([])))
    case .emptySet: push(heap.add(.set([])))
    case .tuple: push(heap.add(.tuple(try popMark(at: offset))))
    case .list: push(heap.add(.list(try popMark(at: offset))))
    case .frozenSet: push(heap.add(.set(try popMark(at: offset))))
    case .tuple1, .tuple2, .tuple3:
      let count = opcode == .tuple1 ? 1 : opcode == .tuple2 ? 2 : 3
      var values: [PickleValue] = []
      for _ in 0..<count { values.append(try pop(at: offset)) }
      push(heap.add(.tuple(values.reversed())))
    case .dict:
      let values = try popMark(at: offset)
      let dictionary = heap.add(.dict([]))
      try set(values, of: dictionary, at: offset)
      push(dictionary)
    case .append, .appends, .addItems:
      let values =
        opcode == .append ? [try pop(at: offset)] : try popMark(at: offset)
      guard heap.append(values, to: try top(at: offset)) else {
        throw error(.pickle, "elements are appended to a value that is not a list", at: offset)
      }
    case .setItem:
      let value = try pop(at: offset)
      let key = try pop(at: offset)
      try set([key, value], of: top(at: offset), at: offset)
    default: try set(popMark(at: offset), of: top(at: offset), at: offset)
    }
  }

  private mutating func set(
    _ values: [PickleValue], of target: PickleValue, at offset: Int
  ) throws {
    guard heap.set(values, of: target) else {
      throw error(
        .pickle,
        values.count % 2 == 0
          ? "entries are set in a value that is not a dictionary" : "a key has no value",
        at: offset)
    }
  }
}
