import Base
import Checkpoints
import SparCL
import Synchronization
import TensorCore

/// A tensor whose values depend on whole tensors; they are computed when the first of them is read, and freed after the
/// last one.
final class DerivedTensor: TensorSource {
  private struct Content {
    var bytes: [UInt8]?
    var readCount = 0
  }

  private let info: TensorInfo
  private let inputByteCount: Int
  private let compute: @Sendable () throws -> [UInt8]
  private let content = Mutex(Content())

  /// - Parameters:
  ///   - inputByteCount: The memory that the computation needs.
  ///   - compute: Returns the bytes of all values.
  init(
    _ info: TensorInfo, inputByteCount: Int, _ compute: @escaping @Sendable () throws -> [UInt8]
  ) {
    self.info = info
    self.inputByteCount = inputByteCount
    self.compute = compute
  }

  /// The memory of the computation counts as scratch memory of its readers.
  func scratchByteCount(elementCount: Int) -> Int { inputByteCount + info.byteCount }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let bytes = try content.withLock { content in
      let bytes = try content.bytes ?? compute()
      content.readCount += elements.count
      let isLast = content.readCount >= info.elementCount
      content = isLast ? Content() : Content(bytes: bytes, readCount: content.readCount)
      return bytes
    }
    values.copy(bytes.rawSpan.extracting(info.bytes(of: elements)))
  }

  /// Returns a tensor with computed values.
  static func tensor(
    _ name: String, _ dtype: DType, _ shape: [Int], inputByteCount: Int,
    _ compute: @escaping @Sendable () throws -> [UInt8]
  ) throws -> LazyTensor {
    let info = try TensorInfo(name: name, dtype: dtype, shape: Shape(shape))
    return LazyTensor(
      info: info, source: DerivedTensor(info, inputByteCount: inputByteCount, compute),
      stored: StoredForm(file: name, byteOffset: 0, byteCount: info.byteCount, dtype: dtype))
  }
}

/// The values of a float tensor, in the type in which importances are computed.
enum WeightValues: Sendable {
  case floats([Float])
  case doubles([Double])
}

extension LazyTensor {
  /// Returns the values of a float tensor: F64 as they are, all others as F32.
  /// - Throws: ``FormatError`` if a value is NaN or infinite.
  func weightValues(path: String) throws -> WeightValues {
    guard info.dtype == .f64 else { return .floats(try floats(path: path)) }
    return .doubles(try doubles(path: path))
  }

  /// Returns the values of an F64 tensor.
  func doubles(path: String) throws -> [Double] {
    let bytes = try bytes()
    let values = bytes.rawSpan
    return try (0..<info.elementCount).map { index in
      let value = Double(bitPattern: values.littleEndian(UInt64.self, at: 8 * index) ?? 0)
      guard value.isFinite else {
        throw FormatError(
          .nonfiniteValue, "element \(index) is NaN or infinite, expected finite values",
          path: path, tensor: name)
      }
      return value
    }
  }

  /// Returns the bytes of all values, with 0 where a mask is false.
  func bytes(masked mask: [Bool]) throws -> [UInt8] {
    var bytes = try bytes()
    let size = info.dtype.bitsPerElement / 8
    for index in mask.indices where !mask[index] {
      for place in index * size..<(index + 1) * size { bytes[place] = 0 }
    }
    return bytes
  }

  /// Returns true for each value that is not 0.
  func maskValues() throws -> [Bool] {
    let bytes = try bytes()
    let size = info.dtype.bitsPerElement / 8
    return (0..<info.elementCount).map { index in
      bytes[index * size..<(index + 1) * size].contains { $0 != 0 }
    }
  }
}

/// The change that a command makes to a tensor, for its report.
struct MaskRow: Sendable {
  var name: String
  var count: Int
  var kept: Int
  var grown: Int?
  /// The percentile that values are compared with; nil without one.
  var percentile: Double?
}

/// The rows of a report, gathered from any thread.
final class MaskRows: Sendable {
  private let rows = Mutex<[String: MaskRow]>([:])

  func add(_ row: MaskRow) { rows.withLock { $0[row.name] = row } }

  func sorted(like names: [String]) -> [MaskRow] {
    rows.withLock { rows in names.compactMap { rows[$0] } }
  }
}
