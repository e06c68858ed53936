/// Names a value that one module attaches to the neutral types of this one.
package protocol AttributeKey {
  associatedtype Value: Sendable
}

/// Values under keys that only the module that attached them knows; all others carry them unread.
///
/// A container uses it for what the neutral types have no field for: where a tensor lies in its files, or
/// what other programs keep beside it.
package struct Attributes: Sendable {
  private var values: [ObjectIdentifier: any Sendable] = [:]

  package init() {}

  package init<Key: AttributeKey>(_ key: Key.Type, _ value: Key.Value) {
    self[key] = value
  }

  /// The value under a key; nil if nothing is attached under it.
  package subscript<Key: AttributeKey>(_ key: Key.Type) -> Key.Value? {
    // The key's type decides the type of the value, so that the cast cannot fail.
    get { values[ObjectIdentifier(key)] as? Key.Value }
    set { values[ObjectIdentifier(key)] = newValue }
  }

  package var isEmpty: Bool { values.isEmpty }
}
