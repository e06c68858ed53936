/// A pull parser that reads the items of one CBOR data item in order, without building a tree.
///
/// The reader accepts a subset of RFC 8949 in the core deterministic encoding of section 4.2.1: integers, byte and
/// text strings, arrays, maps with text keys, `false`, `true`, `null` and 64-bit floats. Lengths are definite and
/// heads are the shortest possible. Keys are unique and in bytewise order of their encoding. Text is UTF-8, and
/// nothing follows the item. The subset departs from the encoding in one point: floats always have 64 bits, so the
/// rule of the shortest float does not apply, and the only NaN is `7ff8000000000000`.
///
/// The reader checks each length against the remaining input before it uses it: an array of *n* elements needs at
/// least *n* bytes, a map of *n* pairs at least 2*n*. `itemLimit` bounds the total number of items, keys included.
///
/// The caller reads each item once: the first item at the start, then one item after each key that `nextKey`
/// returns and after each `nextElement` that returns true. Any other order is a programming error and traps.
/// The reader must not be used after it has thrown an error.
/// - Complexity: O(*n*) for an input of *n* bytes, with memory for at most 16 levels of nesting.
package struct CBORReader: ~Copyable, ~Escapable {
  /// An array or map that has been entered.
  private struct Container {
    let isMap: Bool
    /// The number of elements or pairs left.
    var remaining: Int
    /// The byte range of the previous encoded key; empty before the first key.
    var lastKey = 0..<0
  }

  package static let depthLimit = 16
  package static let defaultItemLimit = 1 << 26

  let bytes: Span<UInt8>
  /// The offset of the first unread byte.
  package internal(set) var byteOffset = 0
  private let itemLimit: Int
  private var itemCount = 1
  private var containers: [Container] = []
  /// True if an item must be read next.
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

  /// Returns the kind of the next item without reading it.
  package func peekKind() throws(CBORError) -> CBORKind {
    precondition(itemIsDue, "no item is due here")
    return try kind()
  }

  /// Enters an array and returns its number of elements; call `nextElement` before each element.
  @_lifetime(self: copy self)
  package mutating func enterArray() throws(CBORError) -> Int {
    try expect(.array)
    return try enter(isMap: false)
  }

  /// Enters a map and returns its number of pairs; call `nextKey` before each value.
  @_lifetime(self: copy self)
  package mutating func enterMap() throws(CBORError) -> Int {
    try expect(.map)
    return try enter(isMap: true)
  }

  /// Returns true if the innermost array has another element, which must be read next; leaves the array otherwise.
  @_lifetime(self: copy self)
  package mutating func nextElement() -> Bool { advance(isMap: false) }

  /// Returns the next key of the innermost map; its value must be read next. Leaves the map and returns nil at its end.
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

  /// Skips the next item after checking all of it.
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

  /// Checks that nothing follows the item. Traps if the item has not been read completely.
  package func finish() throws(CBORError) {
    precondition(!itemIsDue && containers.isEmpty, "the item has not been read completely")
    guard byteOffset == bytes.count else {
      throw CBORError(.trailingBytes(count: bytes.count - byteOffset), at: byteOffset)
    }
  }
}

extension CBORReader {
  /// Checks that the next item is of the given kind.
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

  /// Reads the head of an array or map, checks its count and returns it.
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

  /// Starts the next element or pair of the innermost container, or leaves the container and returns false.
  @_lifetime(self: copy self)
  private mutating func advance(isMap: Bool) -> Bool {
    precondition(
      containers.last?.isMap == isMap && !itemIsDue,
      "not inside such a container, or an item must be read first")
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
