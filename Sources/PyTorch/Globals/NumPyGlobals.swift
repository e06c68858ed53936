/// The functions and types of NumPy that ``GlobalPolicy`` admits.
enum NumPyGlobals {
  /// The functions that make arrays and scalars; they become records.
  private static let functions: [String: Set<String>] = [
    "numpy.core.multiarray": ["_reconstruct", "scalar"],
    "numpy._core.multiarray": ["_reconstruct", "scalar"],
    "numpy.core.numeric": ["_frombuffer"],
    "numpy._core.numeric": ["_frombuffer"],
    "numpy.random._pickle": [
      "__generator_ctor", "__bit_generator_ctor", "__randomstate_ctor",
    ],
    "numpy.random": ["__RandomState_ctor"],
  ]

  private static let types: Set<String> = [
    "ndarray", "dtype", "bool_", "bool", "bool8", "int8", "int16", "int32", "int64", "intc",
    "intp", "int_", "uint8", "uint16", "uint32", "uint64", "uintc", "uintp", "uint", "float16",
    "float32", "float64", "float_", "longdouble", "float128", "half", "single", "double",
    "complex64", "complex128", "complex_", "csingle", "cdouble", "str_", "bytes_", "datetime64",
    "timedelta64", "byte", "ubyte", "short", "ushort", "longlong", "ulonglong", "generic", "number",
    "integer", "floating",
  ]

  static func role(module: String, name: String) throws(GlobalPolicy.Refusal) -> GlobalRole {
    if functions[module]?.contains(name) == true { return .record }
    if module == "numpy", types.contains(name) { return .record }
    if module == "numpy.dtypes", name.hasSuffix("DType") { return .record }
    if module.hasPrefix("numpy.random._"), ["MT19937", "PCG64", "Philox", "SFC64"].contains(name) {
      return .record
    }
    throw GlobalPolicy.Refusal(reason: "is not a function or type that arrays of NumPy need")
  }
}
