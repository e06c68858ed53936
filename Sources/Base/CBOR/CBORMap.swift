/// The pairs of a CBOR map, sorted bytewise by encoded key: shorter keys first, then by their UTF-8 bytes.
/// Each key occurs once.
/// - Complexity: A look-up is O(log *n*). Inserting a key is O(*n*), or O(1) if it sorts last.
package struct CBORMap: Equatable, Sendable {
  package typealias Element = (key: String, value: CBORValue)

  private var pairs: [Element] = []

  package init() {}

  /// The value of `key`, or nil if there is none. Setting nil removes the pair.
  package subscript(key: String) -> CBORValue? {
    get {
      let index = insertionIndex(of: key)
      return holds(key, at: index) ? pairs[index].value : nil
    }
    set {
      let index = insertionIndex(of: key)
      switch (holds(key, at: index), newValue) {
      case (true, let value?): pairs[index].value = value
      case (true, nil): pairs.remove(at: index)
      case (false, let value?): pairs.insert((key, value), at: index)
      case (false, nil): break
      }
    }
  }

  private func holds(_ key: String, at index: Int) -> Bool {
    index < pairs.count && pairs[index].key.utf8.elementsEqual(key.utf8)
  }

  /// Returns the index of `key`, or the index at which it would be inserted.
  private func insertionIndex(of key: String) -> Int {
    if let last = pairs.last, Self.precedes(last.key, key) { return pairs.count }
    var low = 0
    var high = pairs.count
    while low < high {
      let middle = (low + high) / 2
      if Self.precedes(pairs[middle].key, key) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private static func precedes(_ left: String, _ right: String) -> Bool {
    left.utf8.count == right.utf8.count
      ? left.utf8.lexicographicallyPrecedes(right.utf8) : left.utf8.count < right.utf8.count
  }

  package static func == (left: CBORMap, right: CBORMap) -> Bool {
    left.pairs.elementsEqual(right.pairs) {
      $0.key.utf8.elementsEqual($1.key.utf8) && $0.value == $1.value
    }
  }
}

extension CBORMap: RandomAccessCollection {
  package var startIndex: Int { 0 }
  package var endIndex: Int { pairs.count }
  package subscript(position: Int) -> Element { pairs[position] }
}

extension CBORMap: ExpressibleByDictionaryLiteral {
  /// Traps if a key occurs twice.
  package init(dictionaryLiteral elements: (String, CBORValue)...) {
    for (key, value) in elements {
      precondition(self[key] == nil, "duplicate key")
      self[key] = value
    }
  }
}
