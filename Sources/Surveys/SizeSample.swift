import Base
import Glibc
import TensorCore

/// Byte statistics of a sample of a tensor's values, used to estimate its losslessly encoded size.
struct SizeSample: Sendable {
  /// The maximum number of elements that are sampled per chunk.
  static let elementsPerChunk = 1024

  private let width: Int
  private var count = 0
  private var zeros = 0
  /// The number of times that each byte value occurs in each byte plane.
  private var planes: [[Int]]

  init(width: Int) {
    self.width = width
    planes = [[Int]](repeating: [Int](repeating: 0, count: 256), count: width)
  }

  static func scratchByteCount(width: Int) -> Int { width * elementsPerChunk }

  @_lifetime(scratch: copy scratch)
  mutating func add(_ values: borrowing RawSpan, scratch: inout MutableRawSpan) {
    let elements = min(values.byteCount / width, Self.elementsPerChunk)
    let sample = values.extracting(0..<width * elements)
    var target = scratch._mutatingExtracting(0..<width * elements)
    if width > 1 {
      Kernels.best.splitPlanes(sample, width: width, rotating: true, into: &target)
    } else {
      target.copy(sample)
    }
    let bytes = target.bytes
    for plane in 0..<width {
      for byteOffset in plane * elements..<(plane + 1) * elements {
        planes[plane][Int(bytes.littleEndian(UInt8.self, at: byteOffset)!)] += 1
      }
    }
    count += elements
    for element in 0..<elements {
      var isZero = true
      for plane in 0..<width where isZero {
        isZero = bytes.littleEndian(UInt8.self, at: plane * elements + element)! == 0
      }
      if isZero { zeros += 1 }
    }
  }

  mutating func merge(_ other: SizeSample) {
    count += other.count
    zeros += other.zeros
    for plane in 0..<width {
      for byte in 0..<256 { planes[plane][byte] += other.planes[plane][byte] }
    }
  }

  /// Returns the estimated size in bytes of `elementCount` such elements in dense or sparse form, whichever
  /// is smaller.
  func byteCount(elementCount: Int) -> Int {
    guard count > 0 else { return 0 }
    let n = Double(elementCount)
    let dense = n * bytesPerElement(leavingOut: 0)
    guard zeros > 0 else { return Int(dense) }  // fits: at most the bytes of the tensor
    let zeroShare = Double(zeros) / Double(count)
    let positionByteCount = min(1.0 / 8, max(1 - zeroShare, 1.0 / 255))
    let sparse = n * positionByteCount + n * (1 - zeroShare) * bytesPerElement(leavingOut: zeros)
    return Int(min(dense, sparse))  // fits: at most the bytes of the tensor
  }

  private func bytesPerElement(leavingOut zeros: Int) -> Double {
    let total = Double(count - zeros)
    guard total > 0 else { return 0 }
    return planes.reduce(0) { sum, counts in
      var bits = 0.0
      for (byte, count) in counts.enumerated() {
        let share = Double(count - (byte == 0 ? zeros : 0)) / total
        if share > 0 { bits -= share * log2(share) }
      }
      // Codes of whole bits need slightly more than the entropy. Planes that do not shrink are stored raw.
      return sum + min(1, bits / 8 * 1.005 + 0.002)
    }
  }
}
