import Base
import TensorCore

/// The steps of the GEAR authors' simulation that differ from the default method for keys.
enum OfficialKeys {
  /// Replaces the outliers of a channel, which are NaN in `sums`, by the mean of all its entries in `values`.
  ///
  /// The tokens at the end that stay exact are not replaced, which leaves them out of the groups.
  @_lifetime(sums: copy sums)
  static func fill(
    _ sums: inout MutableRawSpan, _ values: borrowing RawSpan, _ shape: GearShape
  ) {
    let (tokens, dim) = (shape.tokens, shape.dim)
    for channel in 0..<dim {
      var sum = 0.0
      for token in 0..<tokens { sum += Double(values.float(4 * (token * dim + channel))) }
      let mean = Float(sum / Double(tokens))
      for token in 0..<tokens - shape.exactTail
      where sums.bytes.float(4 * (token * dim + channel)).isNaN {
        sums.storeLittleEndian(mean.bitPattern, at: 4 * (token * dim + channel))
      }
    }
  }

  /// Computes scales and zeros, and rounds the result of each operation to `dtype`.
  @_lifetime(pairs: copy pairs)
  static func pairs(
    _ ranges: borrowing RawSpan, steps: Int, dtype: DType, into pairs: inout MutableRawSpan
  ) {
    let cells = ranges.byteCount / 8
    for cell in 0..<cells {
      let (low, high) = (ranges.float(4 * cell), ranges.float(4 * (cells + cell)))
      let scale = rounded(rounded(high - low, dtype) / Float(steps), dtype)
      pairs.storeLittleEndian(scale.bitPattern, at: 4 * cell)
      pairs.storeLittleEndian(low.bitPattern, at: 4 * (cells + cell))
    }
  }

  /// Computes codes, and rounds the result of each operation to `dtype`.
  @_lifetime(codes: copy codes)
  static func encode(
    _ values: borrowing RawSpan, _ shape: GearShape, pairs: borrowing RawSpan, dtype: DType,
    into codes: inout MutableRawSpan
  ) {
    let cells = shape.slabCellCount
    let group = max(1, shape.group)
    for token in 0..<shape.tokens {
      for channel in 0..<shape.dim {
        let cell = token / group * shape.dim + channel
        let (scale, zero) = (pairs.float(4 * cell), pairs.float(4 * (cells + cell)))
        let index = token * shape.dim + channel
        let distance = rounded(values.float(4 * index) - zero, dtype)
        let step = scale > 0 ? rounded(distance / scale, dtype) : 0
        let code = max(0, step.rounded(.toNearestOrEven))
        let byte = UInt8(min(code, Float(shape.steps)))  // fits: 0 for NaN, at most 255
        codes.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
      }
    }
  }

  private static func rounded(_ value: Float, _ dtype: DType) -> Float {
    switch dtype {
    case .f16: Float(Float16(value))
    case .bf16:
      Float(
        bitPattern: (value.bitPattern &+ 0x7FFF &+ (value.bitPattern >> 16 & 1)) & 0xFFFF_0000)
    default: value
    }
  }
}
