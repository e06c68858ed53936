import Base
package import TensorCore

/// The type of the elements of an array: a dtype and an order of bytes.
package struct NPYElement: Hashable, Sendable {
  package var dtype: DType
  /// The number of bytes of the words whose bytes are stored in reverse order; 1 if they are not reversed.
  package var swappedByteCount = 1

  /// The reason why a descr stands for no element of a tensor.
  struct Refusal: Error {
    var fault: NumPyFault
    var reason: String
    var hint: Message?
  }

  /// The dtypes by kind and number of bytes.
  private static let dtypes: [String: DType] = [
    "b1": .bool, "i1": .i8, "u1": .u8, "i2": .i16, "u2": .u16, "i4": .i32, "u4": .u32, "i8": .i64,
    "u8": .u64, "f2": .f16, "f4": .f32, "f8": .f64, "c8": .c64,
  ]

  /// Reads the descr of a header.
  ///
  /// A type string has an order (`<` little-endian, `>` big-endian, `=` or `|` that of the machine), a kind and a
  /// number of bytes. Without an order, or with that of the machine, values are taken as little-endian, as NumPy does
  /// on all machines that this program supports.
  init(_ descr: PythonLiteral) throws(Refusal) {
    guard case .string(let text) = descr else { throw Self.refusal(ofCompound: descr) }
    let order = text.unicodeScalars.first.flatMap { "<>=|".unicodeScalars.contains($0) ? $0 : nil }
    let type = String(order == nil ? text[...] : text.dropFirst())
    guard let dtype = Self.dtypes[type] else { throw Self.refusal(of: type, text) }
    self.dtype = dtype
    guard order == ">" else { return }
    // The two parts of a complex number are words of their own.
    swappedByteCount = dtype == .c64 ? 4 : dtype.bitsPerElement / 8
  }

  /// The type string that NumPy writes for a dtype; nil if it has none.
  static func descr(of dtype: DType) -> String? {
    guard let type = dtypes.first(where: { $0.value == dtype })?.key else { return nil }
    return (dtype.bitsPerElement == 8 ? "|" : "<") + type
  }

  private static func refusal(ofCompound descr: PythonLiteral) -> Refusal {
    switch descr {
    case .list:
      Refusal(
        fault: .dtype, reason: "is a structured array, whose elements have several fields",
        hint: "save each field as an array of its own")
    case .tuple:
      Refusal(
        fault: .dtype, reason: "has elements that are arrays themselves",
        hint: "save it as an array with more dimensions")
    case .word, .dictionary, .string:
      Refusal(fault: .descr, reason: "descr is \(descr.summary), expected a type string")
    }
  }

  private static func refusal(of type: String, _ text: String) -> Refusal {
    let name = "dtype '\(text.prefix(40).description.printable)'"
    let count = type.dropFirst()
    let isSized = !count.isEmpty && count.utf8.allSatisfy { (48...57).contains($0) }
    func unsupported(_ kind: String, _ hint: Message) -> Refusal {
      Refusal(fault: .dtype, reason: "\(name) \(kind)", hint: hint)
    }
    switch type.first {
    case "O":
      return Refusal(
        fault: .object, reason: "\(name) holds Python objects as a pickle, which is not read",
        hint: "save the array again with a dtype of numbers")
    case "S", "a", "U":
      return unsupported("holds strings", "leave the array out of the file")
    case "M", "m":
      return unsupported(
        "holds dates or durations", "save their numbers with .view('int64')")
    case "V":
      return unsupported(
        "holds bytes without a type",
        type == "V2" || type == "V1"
          ? "NumPy loses the type of bfloat16 and FP8 arrays; save them as .astype('float32')"
          : "save the array with a dtype of numbers")
    case "f" where ["10", "12", "16"].contains(count):
      return unsupported(
        "is a long double, which depends on the machine", "save it as .astype('float64')")
    case "c" where ["16", "20", "24", "32"].contains(count):
      return unsupported(
        count == "16"
          ? "is complex128, for which tensors have no dtype" : "is a complex long double",
        "save it as .astype('complex64'), or its real and imaginary parts as two arrays")
    default:
      let reason = isSized || type.isEmpty ? "is not a type of NumPy" : "is not a type string"
      return Refusal(fault: .descr, reason: "\(name) \(reason)")
    }
  }
}
