import Base
import CKernels

/// The C kernels for one CPU level, called with spans whose lengths are checked first.
///
/// All levels produce identical bits. The program uses `best`; tests run every level.
@safe package struct Kernels: @unchecked Sendable {
  // SAFETY: the table is constant and lives as long as the program.
  let table: UnsafePointer<sumac_kernels>

  /// The levels that this machine supports, in ascending order.
  package static let levels: [Kernels] = (0..<sumac_kernels_count()).map {
    unsafe Kernels(table: sumac_kernels_at($0))
  }

  package static let best = levels.last!

  package var level: String { unsafe String(cString: table.pointee.level) }

  /// The reasons for which a conversion fails.
  package enum ConversionError: Error, Equatable {
    case unsupported(from: DType, to: DType)
    /// A NaN was converted to a dtype that has none.
    case nanNotRepresentable
  }

  /// Converts canonical bytes; see `sumac_kernels.convert` for the rounding rules.
  @_lifetime(target: copy target)
  package func convert(
    _ source: borrowing RawSpan, from: DType, to: DType, elementCount: Int, saturating: Bool,
    into target: inout MutableRawSpan
  ) throws(ConversionError) {
    precondition(source.byteCount >= (elementCount * from.bitsPerElement + 7) / 8)
    precondition(target.byteCount >= (elementCount * to.bitsPerElement + 7) / 8)
    // SAFETY: the preconditions cover everything that the loop reads and writes.
    let result = unsafe target.withUnsafeMutableBytes { target in
      unsafe source.withUnsafeBytes { source in
        unsafe table.pointee.convert(
          Int32(from.rawValue), Int32(to.rawValue), source.baseAddress, target.baseAddress,
          elementCount, saturating ? 1 : 0)
      }
    }
    switch result {
    case Int32(SUMAC_CONVERTED): return
    case Int32(SUMAC_NAN_NOT_REPRESENTABLE): throw .nanNotRepresentable
    default: throw .unsupported(from: from, to: to)
    }
  }

  /// Writes byte k of each word of `width` bytes to plane k of `planes`.
  @_lifetime(planes: copy planes)
  package func splitPlanes(
    _ words: borrowing RawSpan, width: Int, rotating: Bool, into planes: inout MutableRawSpan
  ) {
    precondition([2, 4, 8].contains(width) && words.byteCount % width == 0)
    precondition(planes.byteCount == words.byteCount)
    let count = words.byteCount / width
    // SAFETY: both regions have count * width bytes.
    unsafe planes.withUnsafeMutableBytes { planes in
      unsafe words.withUnsafeBytes { words in
        unsafe table.pointee.split_planes(
          width, rotating ? 1 : 0, words.baseAddress, planes.baseAddress, count)
      }
    }
  }

  /// Inverts `splitPlanes`; the planes may be anywhere in `buffer`.
  @_lifetime(words: copy words)
  package func joinPlanes(
    _ buffer: borrowing RawSpan, planes: [Range<Int>], rotated: Bool,
    into words: inout MutableRawSpan
  ) {
    let width = planes.count
    precondition([2, 4, 8].contains(width) && words.byteCount % width == 0)
    let count = words.byteCount / width
    precondition(
      planes.allSatisfy {
        $0.count == count && $0.lowerBound >= 0 && $0.upperBound <= buffer.byteCount
      })
    // SAFETY: every plane has `count` bytes inside the buffer, and the target has count * width bytes.
    unsafe words.withUnsafeMutableBytes { words in
      unsafe buffer.withUnsafeBytes { buffer in
        let pointers: [UnsafeRawPointer?] = unsafe planes.map { plane in
          unsafe buffer.baseAddress.map { unsafe $0 + plane.lowerBound }
        }
        unsafe table.pointee.join_planes(
          width, rotated ? 1 : 0, pointers, words.baseAddress, count)
      }
    }
  }

  package func xxh64(_ bytes: borrowing RawSpan, seed: UInt64 = 0) -> UInt64 {
    // SAFETY: the loop reads only the region; the same holds below.
    unsafe bytes.withUnsafeBytes { unsafe table.pointee.xxh64($0.baseAddress, $0.count, seed) }
  }

  /// Returns the CRC-32, as in ZIP files, of bytes with the CRC-32 `crc` that are followed by `bytes`.
  package func crc32(_ bytes: borrowing RawSpan, continuing crc: UInt32 = 0) -> UInt32 {
    unsafe bytes.withUnsafeBytes { unsafe table.pointee.crc32($0.baseAddress, $0.count, crc) }
  }

  /// Returns true if all bytes are 0.
  package func isAllZero(_ bytes: borrowing RawSpan) -> Bool {
    unsafe bytes.withUnsafeBytes { unsafe table.pointee.all_zero($0.baseAddress, $0.count) != 0 }
  }

  package static func xxh64(_ bytes: borrowing RawSpan) -> UInt64 { best.xxh64(bytes) }
  package static func crc32(_ bytes: borrowing RawSpan, continuing crc: UInt32 = 0) -> UInt32 {
    best.crc32(bytes, continuing: crc)
  }
  package static func isAllZero(_ bytes: borrowing RawSpan) -> Bool { best.isAllZero(bytes) }
}

extension RawSpan {
  /// Returns the offset of the first byte that differs from `other`, or nil if all common bytes are equal.
  package func firstDifference(from other: borrowing RawSpan) -> Int? {
    let count = Swift.min(byteCount, other.byteCount)
    // SAFETY: both regions have `count` bytes.
    let byteOffset = unsafe withUnsafeBytes { first in
      unsafe other.withUnsafeBytes { second in
        unsafe sumac_kernels_best().pointee.first_difference(
          first.baseAddress, second.baseAddress, count)
      }
    }
    return byteOffset < count ? Int(byteOffset) : nil
  }

  /// Returns true if `other` has the same length and bytes.
  package func elementsEqual(_ other: borrowing RawSpan) -> Bool {
    byteCount == other.byteCount && firstDifference(from: other) == nil
  }
}
