/// Pulls the items of one CBOR data item out of its bytes, in order, without a tree.
///
/// Takes a subset of RFC 8949 in the core deterministic encoding of its section 4.2.1: integers,
/// byte and text strings, arrays, maps with text keys, `false`, `true`, `null`, floats of 64 bits.
/// Lengths are definite, heads the shortest; keys are in bytewise order of their encoding and
/// differ; text is UTF-8; nothing follows the item. One departure: floats have 64 bits always, so
/// the rule of the shortest float does not apply, and NaN is `7ff8000000000000` only.
///
/// A length is compared with what is left of the input before anything is done with it: an array
/// of *n* takes at least *n* bytes, a map of *n* at least 2*n*. `itemLimit` bounds all items
/// together, keys included.
///
/// Each item is asked for once: the first at the start, then one behind each key that `nextKey`
/// returned and each `nextElement` that was true. To ask otherwise is a mistake of the caller and
/// traps. Behind an error the reader is of no more use.
/// - Complexity: O(*n*) for an input of *n* bytes; memory for at most 16 levels of nesting.
package struct CBORReader: ~Copyable, ~Escapable {
  /// An array or map that was entered.
  private struct Container {
    let isMap: Bool
    /// Elements or pairs.
    var remaining: Int
    /// The encoded key before, empty before the first.
    var lastKey = 0..<0
  }

  package static let depthLimit = 16
  package static let defaultItemLimit = 1 << 26

  let bytes: Span<UInt8>
  /// Of the first byte that is not read yet.
  package internal(set) var byteOffset = 0
  private let itemLimit: Int
  private var itemCount = 1
  private var containers: [Container] = []
  /// An item must be asked for next.
  private var itemIsDue = true

  @_lifetime(copy bytes)
  package init(_ bytes: borrowing RawSpan, itemLimit: Int = Self.defaultItemLimit) {
    self.init(Span(_bytes: copy bytes), itemLimit: itemLimit)
  }

  @_lifetime(copy bytes)
  package init(_ bytes: borrowing Span<UInt8>, itemLimit: Int = Self.defaultItemLimit) {
    self.bytes = copy bytes
    self.itemLimit = itemLimit
  }

  /// The kind of the item that is due.
  package func peekKind() throws(CBORError) -> CBORKind {
    precondition(itemIsDue, "no item is due here")
    return try kind()
  }

  /// Starts an array and returns its count; `nextElement` then goes through it.
  @_lifetime(self: copy self)
  package mutating func enterArray() throws(CBORError) -> Int {
    try expect(.array)
    return try enter(isMap: false)
  }

  /// Starts a map and returns its count of pairs; `nextKey` then goes through them.
  @_lifetime(self: copy self)
  package mutating func enterMap() throws(CBORError) -> Int {
    try expect(.map)
    return try enter(isMap: true)
  }

  /// Whether the innermost array has another element, which is then due; false at the array's end.
  @_lifetime(self: copy self)
  package mutating func nextElement() -> Bool { advance(isMap: false) }

  /// The next key of the innermost map, whose value is then due; nil at the map's end.
  @_lifetime(self: copy self)
  package mutating func nextKey() throws(CBORError) -> String? {
    guard advance(isMap: true) else { return nil }
    let start = byteOffset
    let kind = try kind()
    guard kind == .text else { throw CBORError(.keyNotText(kind), at: start) }
    let key = try text(passString())
    let last = containers[containers.count - 1].lastKey
    let encoded = start..<byteOffset
    guard last.isEmpty || isLess(last, encoded) else {
      let isSame = !isLess(encoded, last)
      throw CBORError(isSame ? .duplicateKey(key) : .keyOrder, at: start)
    }
    containers[containers.count - 1].lastKey = encoded
    return key
  }

  /// Passes over the item that is due. All of it is checked.
  @_lifetime(self: copy self)
  package mutating func skipValue() throws(CBORError) {
    let depth = containers.count
    repeat {
      if itemIsDue {
        try skipScalarOrEnter()
      } else if containers[containers.count - 1].isMap {
        _ = try nextKey()
      } else {
        _ = nextElement()
      }
    } while containers.count > depth
  }

  /// Requires that nothing follows the item. Traps if it is not read whole.
  package func finish() throws(CBORError) {
    precondition(!itemIsDue && containers.isEmpty, "the item is not read whole")
    guard byteOffset == bytes.count else {
      throw CBORError(.trailingBytes(count: bytes.count - byteOffset), at: byteOffset)
    }
  }
}

extension CBORReader {
  /// Requires that an item of this kind is due.
  func expect(_ kind: CBORKind) throws(CBORError) {
    let found = try peekKind()
    guard found == kind else {
      throw CBORError(.wrongKind(found, expected: kind), at: byteOffset)
    }
  }

  @_lifetime(self: copy self)
  mutating func itemWasRead() { itemIsDue = false }

  @_lifetime(self: copy self)
  private mutating func skipScalarOrEnter() throws(CBORError) {
    switch try peekKind() {
    case .array: _ = try enter(isMap: false)
    case .map: _ = try enter(isMap: true)
    case .text:
      _ = try text(passString())
      itemWasRead()
    case .bytes:
      _ = try passString()
      itemWasRead()
    case .unsigned, .negative:
      _ = try passHead()
      itemWasRead()
    case .bool: _ = try readBool()
    case .null: try readNull()
    case .float: _ = try readFloat()
    }
  }

  /// Reads the head at the place and checks its count.
  @_lifetime(self: copy self)
  private mutating func enter(isMap: Bool) throws(CBORError) -> Int {
    let start = byteOffset
    let argument = try passHead()
    let available = bytes.count - byteOffset
    let (needed, overflow) = argument.multipliedReportingOverflow(by: isMap ? 2 : 1)
    guard !overflow, needed <= UInt64(available) else {
      throw CBORError(
        .truncated(needed: overflow ? .max : needed, available: available), at: byteOffset)
    }
    guard Int(needed) <= itemLimit - itemCount else {
      throw CBORError(.tooManyItems(limit: itemLimit), at: start)
    }
    guard containers.count < Self.depthLimit else {
      throw CBORError(.tooDeep(limit: Self.depthLimit), at: start)
    }
    itemCount += Int(needed)
    containers.append(Container(isMap: isMap, remaining: Int(argument)))
    itemWasRead()
    return Int(argument)
  }

  /// Takes an element or pair off the innermost container, or leaves it and returns false.
  @_lifetime(self: copy self)
  private mutating func advance(isMap: Bool) -> Bool {
    precondition(
      containers.last?.isMap == isMap && !itemIsDue,
      "not inside such a container, or an item is due")
    guard containers[containers.count - 1].remaining > 0 else {
      containers.removeLast()
      return false
    }
    containers[containers.count - 1].remaining -= 1
    itemIsDue = true
    return true
  }

  private func isLess(_ left: Range<Int>, _ right: Range<Int>) -> Bool {
    for (a, b) in zip(left, right) where bytes[a] != bytes[b] { return bytes[a] < bytes[b] }
    return left.count < right.count
  }
}
