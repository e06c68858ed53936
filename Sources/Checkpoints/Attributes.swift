/// A key of ``Attributes``: names a value that one module attaches to types of this module.
package protocol AttributeKey {
  associatedtype Value: Sendable
}

/// A dictionary of values, each of which is known only to the module that attached it; other modules copy
/// them unread.
///
/// A container uses it for data that the neutral types have no field for, such as the location of a tensor
/// in its files.
package struct Attributes: Sendable {
  private var values: [ObjectIdentifier: any Sendable] = [:]

  package init() {}

  package init<Key: AttributeKey>(_ key: Key.Type, _ value: Key.Value) {
    self[key] = value
  }

  /// The value of a key; nil if the key has none.
  package subscript<Key: AttributeKey>(_ key: Key.Type) -> Key.Value? {
    // The key determines the type of the value, so the cast cannot fail.
    get { values[ObjectIdentifier(key)] as? Key.Value }
    set { values[ObjectIdentifier(key)] = newValue }
  }

  package var isEmpty: Bool { values.isEmpty }
}
