/// A writer for one CBOR data item in the encoding that `CBORReader` accepts. Equal content produces equal bytes.
///
/// The pairs of a map may be written in any order; they are sorted when the map ends. The writer traps on calls
/// that do not form an item, on duplicate keys, and on nesting deeper than `CBORReader.depthLimit`.
/// - Complexity: O(*n*) for *n* bytes per level of nesting, plus the sorting of keys.
package struct CBORWriter {
  private struct Container {
    let isMap: Bool
    /// The offset of the container's head.
    let start: Int
    /// The number of elements or pairs.
    var count = 0
    /// The byte ranges of the encoded keys, one per pair.
    var keys: [Range<Int>] = []
  }

  static let canonicalNaN: UInt64 = 0x7FF8_0000_0000_0000

  private var buffer: [UInt8] = []
  private var containers: [Container] = []
  /// True if a key was written and its value was not.
  private var valueIsDue = false

  package init() {}

  /// The encoded item. Traps if it is incomplete.
  package var bytes: [UInt8] {
    precondition(containers.isEmpty && !buffer.isEmpty, "the item is incomplete")
    return buffer
  }

  package mutating func beginArray() { begin(isMap: false) }
  package mutating func endArray() { end(isMap: false) }
  package mutating func beginMap() { begin(isMap: true) }
  package mutating func endMap() { end(isMap: true) }

  /// Writes a key; its value must follow.
  package mutating func key(_ key: String) {
    precondition(containers.last?.isMap == true && !valueIsDue, "a key is not allowed here")
    let start = buffer.count
    append(key)
    containers[containers.count - 1].keys.append(start..<buffer.count)
    containers[containers.count - 1].count += 1
    valueIsDue = true
  }

  package mutating func null() {
    startValue()
    buffer.append(0xF6)
  }

  package mutating func value(_ value: Bool) {
    startValue()
    buffer.append(value ? 0xF5 : 0xF4)
  }

  package mutating func value(_ value: UInt64) { self.value(.unsigned(value)) }

  package mutating func value(_ value: Int) { self.value(CBORValue(value)) }

  /// Writes a 64-bit float; every NaN is written as `7ff8000000000000`.
  package mutating func value(_ value: Double) {
    startValue()
    buffer.append(0xFB)
    Self.appendBigEndian(
      value.isNaN ? Self.canonicalNaN : value.bitPattern, byteCount: 8, to: &buffer)
  }

  package mutating func value(_ value: String) {
    startValue()
    append(value)
  }

  package mutating func value(_ value: [UInt8]) {
    startValue()
    Self.appendHead(2, UInt64(value.count), to: &buffer)
    buffer.append(contentsOf: value)
  }

  package mutating func value(_ value: CBORValue) {
    switch value {
    case .null: null()
    case .bool(let value): self.value(value)
    case .float(let value): self.value(value)
    case .text(let value): self.value(value)
    case .bytes(let value): self.value(value)
    case .unsigned(let value):
      startValue()
      Self.appendHead(0, value, to: &buffer)
    case .negative(let value):
      startValue()
      Self.appendHead(1, value, to: &buffer)
    case .array(let elements):
      beginArray()
      for element in elements { self.value(element) }
      endArray()
    case .map(let pairs):
      beginMap()
      for (key, value) in pairs {
        self.key(key)
        self.value(value)
      }
      endMap()
    }
  }
}

extension CBORWriter {
  private mutating func begin(isMap: Bool) {
    startValue()
    precondition(containers.count < CBORReader.depthLimit, "nested too deeply")
    containers.append(Container(isMap: isMap, start: buffer.count))
    buffer.append(0)
  }

  /// Ends the innermost container: sorts its pairs and writes the head over the byte that `begin` reserved.
  private mutating func end(isMap: Bool) {
    precondition(containers.last?.isMap == isMap && !valueIsDue, "this end is not allowed here")
    let container = containers.removeLast()
    sort(container.keys)
    var head: [UInt8] = []
    Self.appendHead(isMap ? 5 : 4, UInt64(container.count), to: &head)
    buffer.replaceSubrange(container.start..<container.start + 1, with: head)
  }

  /// Sorts the pairs that start at `keys` and end at the end of the buffer by their keys.
  private mutating func sort(_ keys: [Range<Int>]) {
    guard let start = keys.first?.lowerBound else { return }
    let isSorted = zip(keys, keys.dropFirst()).allSatisfy { isLess($0, $1) }
    guard !isSorted else { return }
    let ends = keys.dropFirst().map(\.lowerBound) + [buffer.count]
    let pairs = zip(keys, ends).sorted { isLess($0.0, $1.0) }
    for (pair, next) in zip(pairs, pairs.dropFirst()) {
      precondition(isLess(pair.0, next.0), "duplicate key")
    }
    buffer.replaceSubrange(
      start..., with: pairs.flatMap { key, end in buffer[key.lowerBound..<end] })
  }

  private func isLess(_ left: Range<Int>, _ right: Range<Int>) -> Bool {
    buffer[left].lexicographicallyPrecedes(buffer[right])
  }

  private mutating func startValue() {
    if valueIsDue {
      valueIsDue = false
    } else if let container = containers.last {
      precondition(!container.isMap, "a key must be written here")
      containers[containers.count - 1].count += 1
    } else {
      precondition(buffer.isEmpty, "the item is already complete")
    }
  }

  private mutating func append(_ text: String) {
    let utf8 = text.utf8
    Self.appendHead(3, UInt64(utf8.count), to: &buffer)
    buffer.append(contentsOf: utf8)
  }

  private static func appendHead(
    _ majorType: UInt8, _ argument: UInt64, to buffer: inout [UInt8]
  ) {
    let (information, byteCount): (UInt8, Int) =
      switch argument {
      case 0..<24: (UInt8(argument), 0)
      case 24..<0x100: (24, 1)
      case 0x100..<0x1_0000: (25, 2)
      case 0x1_0000..<0x1_0000_0000: (26, 4)
      default: (27, 8)
      }
    buffer.append(majorType << 5 | information)
    appendBigEndian(argument, byteCount: byteCount, to: &buffer)
  }

  private static func appendBigEndian(
    _ word: UInt64, byteCount: Int, to buffer: inout [UInt8]
  ) {
    for index in (0..<byteCount).reversed() {
      buffer.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * index)))
    }
  }
}
