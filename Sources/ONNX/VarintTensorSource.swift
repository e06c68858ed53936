import Base
import Checkpoints
import TensorCore

/// A source whose values are stored as numbers of varying length.
///
/// The places of some values are kept, so that a range is read without reading all values before it.
struct VarintTensorSource: TensorSource {
  /// The place of a value in the file.
  private struct Mark {
    var segment: Int
    var byteOffset: Int
  }

  /// The number of values between two marks.
  private static let interval = 16_384
  /// The memory of the reader.
  private static let readerByteCount = 32 << 10

  private let file: InputFile
  private let info: TensorInfo
  private let segments: [Range<Int>]
  /// The number of bits that a value becomes. A value of F4 is a byte with two elements.
  private let bitsPerValue: Int
  private let marks: [Mark]

  /// Reads all values once, to check them and to note their places.
  /// - Parameters:
  ///   - segments: The ranges of the file that hold the values.
  ///   - isValid: Returns true if a value fits the data type.
  /// - Throws: ``FormatError`` unless there are exactly as many values as the tensor has, and all are valid.
  /// - Complexity: O(*n*) for *n* bytes.
  init(
    _ info: TensorInfo, segments: [Range<Int>], reader: inout ProtobufReader,
    isValid: (UInt64) -> Bool
  ) throws {
    file = reader.file
    self.info = info
    self.segments = segments
    bitsPerValue = info.dtype == .f4 ? 8 : info.dtype.bitsPerElement
    let wantedCount = info.byteCount * 8 / bitsPerValue
    var marks: [Mark] = []
    var count = 0
    for (number, segment) in segments.enumerated() {
      var position = segment.lowerBound
      while position < segment.upperBound {
        if count % Self.interval == 0 {
          marks.append(Mark(segment: number, byteOffset: position))
        }
        let start = position
        let value = try reader.varint(&position, end: segment.upperBound)
        guard isValid(value) else {
          throw FormatError(
            .value,
            "value \(count) is \(Int64(bitPattern: value)), which \(info.dtype.name) "
              + "does not have", path: file.path, tensor: info.name, byteOffset: start)
        }
        count += 1
      }
    }
    guard count == wantedCount else {
      throw FormatError(
        .data, "there are \(count) values, but shape \(info.shape) needs \(wantedCount)",
        path: file.path, tensor: info.name, byteOffset: segments.first?.lowerBound)
    }
    self.marks = marks
  }

  func scratchByteCount(elementCount: Int) -> Int { Self.readerByteCount }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard !elements.isEmpty else { return }
    let bytes = info.bytes(of: elements)
    let (first, end) = (
      bytes.lowerBound * 8 / bitsPerValue, bytes.upperBound * 8 / bitsPerValue
    )
    // Values of six bits are added to the bytes that they share.
    if bitsPerValue == 6 { values.fill() }
    let mark = marks[first / Self.interval]
    var number = first / Self.interval * Self.interval
    var (segment, position) = (mark.segment, mark.byteOffset)
    var reader = ProtobufReader(file)
    while number < end {
      while position >= segments[segment].upperBound {
        segment += 1
        guard segment < segments.count else { throw ChangedInputError(path: file.path) }
        position = segments[segment].lowerBound
      }
      let value = try reader.varint(&position, end: segments[segment].upperBound)
      if number >= first {
        store(value, at: number - first, in: &values)
      }
      number += 1
    }
  }

  @_lifetime(values: copy values)
  private func store(_ value: UInt64, at index: Int, in values: inout MutableRawSpan) {
    switch bitsPerValue {
    case 6: add(value, atBit: 6 * index, in: &values)
    case 8: values.storeLittleEndian(UInt8(truncatingIfNeeded: value), at: index)
    case 16: values.storeLittleEndian(UInt16(truncatingIfNeeded: value), at: 2 * index)
    case 32: values.storeLittleEndian(UInt32(truncatingIfNeeded: value), at: 4 * index)
    default: values.storeLittleEndian(value, at: 8 * index)
    }
  }

  /// Adds six bits to a stream of bits, lowest bits first.
  @_lifetime(values: copy values)
  private func add(_ value: UInt64, atBit bit: Int, in values: inout MutableRawSpan) {
    let shifted = (value & 0x3F) << UInt64(bit % 8)
    for byte in 0..<2 where bit / 8 + byte < values.byteCount {
      let old = values.bytes.littleEndian(UInt8.self, at: bit / 8 + byte) ?? 0
      values.storeLittleEndian(
        old | UInt8(truncatingIfNeeded: shifted >> UInt64(8 * byte)), at: bit / 8 + byte)
    }
  }
}
