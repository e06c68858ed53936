import Base
import TensorCore

/// The bytes of .npy files with headers of any text.
enum NPYFileBuilder {
  /// Returns a file of a version with a header text and values.
  static func file(version: UInt8 = 1, _ header: String, _ values: [UInt8] = []) -> [UInt8] {
    file(version: version, Array(header.utf8), values)
  }

  static func file(version: UInt8 = 1, _ header: [UInt8], _ values: [UInt8] = []) -> [UInt8] {
    let count = header.count
    let length = (0..<(version == 1 ? 2 : 4)).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + header + values
  }

  static func header(
    _ descr: String, _ shape: [Int], isFortranOrder: Bool = false
  ) -> String {
    let list = shape.map { "\($0), " }.joined()
    let order = isFortranOrder ? "True" : "False"
    let tuple = shape.isEmpty ? "()" : "(\(list))"
    return "{'descr': '\(descr)', 'fortran_order': \(order), 'shape': \(tuple)}\n"
  }

  /// Returns the elements of C order in Fortran order: the element with indexes i₀ … is at i₀ + d₀ · (i₁ + d₁ · …).
  static func fortran(_ bytes: [UInt8], _ shape: [Int], size: Int) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: bytes.count)
    for element in 0..<bytes.count / size {
      var rest = element
      var indexes: [Int] = []
      for dimension in shape.reversed() {
        indexes.insert(rest % dimension, at: 0)
        rest /= dimension
      }
      let place = zip(shape, indexes).reversed().reduce(0) { $0 * $1.0 + $1.1 }
      for byte in 0..<size { result[place * size + byte] = bytes[element * size + byte] }
    }
    return result
  }
}
