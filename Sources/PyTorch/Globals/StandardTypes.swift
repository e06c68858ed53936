/// The plain data types of Python's standard library that ``GlobalPolicy`` admits.
enum StandardTypes {
  /// Returns the role of a type; nil if it is not one of these.
  static func role(module: String, name: String) -> GlobalRole? {
    switch module {
    case "builtins", "__builtin__", "__builtins__":
      return module == "__builtins__" ? nil : builtin(name)
    case "collections", "_collections":
      switch name {
      case "OrderedDict", "defaultdict", "Counter": return .dictionary
      case "deque": return .sequence
      default: return nil
      }
    case "_codecs": return name == "encode" ? .encodedBytes : nil
    case "copyreg", "copy_reg": return name == "_reconstructor" ? .reconstructor : nil
    default: return records[module]?.contains(name) == true ? .record : nil
    }
  }

  private static func builtin(_ name: String) -> GlobalRole? {
    switch name {
    case "set", "frozenset", "list", "tuple": .sequence
    case "dict": .dictionary
    case "bytearray", "bytes", "complex", "slice", "range", "xrange", "int", "long", "float", "str",
      "unicode", "bool", "object":
      .record
    default: nil
    }
  }

  /// Types that become records.
  private static let records: [String: Set<String>] = [
    "datetime": ["datetime", "date", "time", "timedelta", "timezone"],
    "pathlib": [
      "Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath",
    ],
    "pathlib._local": [
      "Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath",
    ],
    "argparse": ["Namespace"],
    "types": ["SimpleNamespace"],
    "decimal": ["Decimal"],
    "_decimal": ["Decimal"],
    "fractions": ["Fraction"],
    "uuid": ["UUID", "SafeUUID"],
  ]
}
