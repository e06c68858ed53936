import Base
import Checkpoints

/// Numbers that NumPy stores as their bytes and a dtype.
enum NumPyScalar {
  /// Returns the number, or nil if its dtype is not a plain number in little-endian order.
  /// - Parameter dtype: The record of `numpy.dtype(code, …)`, such as `f8`, or of a class of `numpy.dtypes`.
  static func value(of bytes: [UInt8], dtype: PickleValue, in tree: PickleTree) -> MetadataValue? {
    guard case .record(let index)? = tree.heap.node(dtype),
      let code = tree.heap.records[index].arguments.first.flatMap(tree.heap.string)
    else { return nil }
    // The state of a dtype is (version, byte order, …).
    if let state = tree.heap.records[index].state.flatMap(tree.heap.tuple), state.count > 1,
      tree.heap.string(state[1]) == ">"
    {
      return nil
    }
    let span = bytes.rawSpan
    switch (code, bytes.count) {
    case ("b1", 1): return .boolean(bytes[0] != 0)
    case ("f4", 4):
      return span.littleEndian(UInt32.self, at: 0).map { number(Double(Float(bitPattern: $0))) }
    case ("f8", 8):
      return span.littleEndian(UInt64.self, at: 0).map { number(Double(bitPattern: $0)) }
    case ("f2", 2):
      return span.littleEndian(UInt16.self, at: 0).map { number(Double(Float16(bitPattern: $0))) }
    case ("i1", 1): return span.littleEndian(Int8.self, at: 0).map { .integer(Int64($0)) }
    case ("i2", 2): return span.littleEndian(Int16.self, at: 0).map { .integer(Int64($0)) }
    case ("i4", 4): return span.littleEndian(Int32.self, at: 0).map { .integer(Int64($0)) }
    case ("i8", 8): return span.littleEndian(Int64.self, at: 0).map { .integer($0) }
    case ("u1", 1): return .unsigned(UInt64(bytes[0]))
    case ("u2", 2): return span.littleEndian(UInt16.self, at: 0).map { .unsigned(UInt64($0)) }
    case ("u4", 4): return span.littleEndian(UInt32.self, at: 0).map { .unsigned(UInt64($0)) }
    case ("u8", 8): return span.littleEndian(UInt64.self, at: 0).map { .unsigned($0) }
    default: return nil
    }
  }

  private static func number(_ value: Double) -> MetadataValue {
    value.isFinite ? .number(value) : .string(String(value))
  }
}
