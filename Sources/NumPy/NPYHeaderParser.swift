import Base
import TensorCore

/// Reads the three values of a header from its dictionary.
struct NPYHeaderParser {
  struct Content {
    var element: NPYElement
    var isFortranOrder: Bool
    var shape: Shape
  }

  /// The major version of the format.
  let version: UInt8
  /// The offset of the dictionary in the file.
  let byteOffset: Int
  let path: String

  func parse(_ text: [UInt8]) throws(FormatError) -> Content {
    let isUTF8 = version >= 3
    if isUTF8, String(validating: text, as: UTF8.self) == nil {
      throw error(.header, "the header is not valid UTF-8", 0)
    }
    let literal: PythonLiteral
    do { literal = try PythonLiteralParser.parse(text, isUTF8: isUTF8) } catch {
      throw self.error(.header, "the header is not valid: \(error.reason)", error.byteOffset)
    }
    guard case .dictionary(let entries) = literal else {
      throw error(.header, "the header is \(literal.summary), expected a dictionary", 0)
    }
    var (descr, order, shape): (PythonLiteral.Entry?, PythonLiteral.Entry?, PythonLiteral.Entry?)
    for entry in entries {
      switch entry.key {
      case .string("descr"): try set(&descr, entry)
      case .string("fortran_order"): try set(&order, entry)
      case .string("shape"): try set(&shape, entry)
      default:
        throw error(.key, "has a key that is unknown: \(entry.key.summary)", entry.byteOffset)
      }
    }
    guard let descr, let order, let shape else {
      let missing = descr == nil ? "descr" : order == nil ? "fortran_order" : "shape"
      throw error(.key, "the key '\(missing)' is missing", 0)
    }
    return Content(
      element: try element(descr), isFortranOrder: try isFortranOrder(order),
      shape: try self.shape(shape))
  }

  private func set(
    _ value: inout PythonLiteral.Entry?, _ entry: PythonLiteral.Entry
  ) throws(FormatError) {
    guard value == nil else {
      throw error(.key, "has a key twice: \(entry.key.summary)", entry.byteOffset)
    }
    value = entry
  }

  private func element(_ entry: PythonLiteral.Entry) throws(FormatError) -> NPYElement {
    do { return try NPYElement(entry.value) } catch {
      throw FormatError(
        error.fault, error.reason, path: path, byteOffset: byteOffset + entry.byteOffset,
        hint: error.hint)
    }
  }

  private func isFortranOrder(_ entry: PythonLiteral.Entry) throws(FormatError) -> Bool {
    switch entry.value {
    case .word("True"): return true
    case .word("False"): return false
    default:
      throw error(
        .order, "fortran_order is \(entry.value.summary), expected True or False", entry.byteOffset)
    }
  }

  private func shape(_ entry: PythonLiteral.Entry) throws(FormatError) -> Shape {
    guard case .tuple(let values) = entry.value else {
      throw error(.shape, "the shape is \(entry.value.summary), expected a tuple", entry.byteOffset)
    }
    var dimensions: [Int] = []
    for value in values {
      guard case .word(let word) = value, let dimension = Self.integer(word, version: version)
      else {
        throw error(
          .shape, "the shape contains \(value.summary), expected integers from 0 to 2^48",
          entry.byteOffset)
      }
      dimensions.append(dimension)
    }
    do { return try Shape(dimensions) } catch {
      throw self.error(.shape, "\(error)", entry.byteOffset)
    }
  }

  /// Returns the value of a decimal literal that is not negative; nil for any other word.
  ///
  /// In versions 1 and 2, an `L` may follow, which Python 2 writes.
  static func integer(_ word: String, version: UInt8) -> Int? {
    var digits = Array(word.utf8)
    if version < 3, digits.last == UInt8(ascii: "L") { digits.removeLast() }
    guard !digits.isEmpty, digits.allSatisfy({ (48...57).contains($0) }),
      digits.count == 1 || digits[0] != UInt8(ascii: "0")
    else { return nil }
    return Int(String(decoding: digits, as: UTF8.self))
  }

  private func error(_ fault: NumPyFault, _ reason: String, _ offset: Int) -> FormatError {
    FormatError(fault, reason, path: path, byteOffset: byteOffset + offset)
  }
}
