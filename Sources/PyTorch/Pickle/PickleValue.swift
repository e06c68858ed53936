/// A value that a pickle builds. Containers and other values of varying size are nodes of a ``PickleHeap``.
enum PickleValue {
  case none
  case bool(Bool)
  case integer(Int)
  case float(Double)
  case node(Int)
}

/// A key and a value of a dictionary, or the name and value of an attribute.
struct PickleEntry {
  var key: PickleValue
  var value: PickleValue
}

/// A value of varying size.
enum PickleNode {
  case string(String)
  case bytes([UInt8])
  /// An integer outside of 64 bits, in decimal digits, or in hexadecimal digits if it has more than 1024 bytes.
  case bigInteger(String)
  case tuple([PickleValue])
  case list([PickleValue])
  case set([PickleValue])
  case dict([PickleEntry])
  /// The index of a function or class that the pickle names.
  case global(Int)
  /// The index of an object that is not built.
  case record(Int)
  /// The index of a storage.
  case storage(Int)
  /// The index of a tensor.
  case tensor(Int)
}

/// An object that the pickle asks for and that is not built: the name of its class or function, and what it would be
/// made from.
struct PickleRecord {
  /// The index of the class or function.
  var global: Int
  var arguments: [PickleValue]
  /// The state that would be given to the object after its creation.
  var state: PickleValue?
  /// The elements that would be appended to the object.
  var items: [PickleValue] = []
  /// The entries that would be set in the object.
  var entries: [PickleEntry] = []
}
