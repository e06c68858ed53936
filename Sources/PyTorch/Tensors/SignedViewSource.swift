import Base
import Checkpoints
import TensorCore

/// The values of another source with the sign of some of them changed: the views that `conj()` and `imag` make.
struct SignedViewSource: TensorSource {
  private let base: any TensorSource
  /// The bits that are inverted in each word of 64 bits of the values.
  private let mask: UInt64
  private let dtype: DType

  /// - Returns: nil if the dtype has no sign that can be changed.
  init?(_ base: any TensorSource, dtype: DType, isConjugate: Bool, isNegative: Bool) {
    self.base = base
    self.dtype = dtype
    switch dtype {
    case .c64:
      // A conjugate has the other sign in its imaginary part, the second half.
      let conjugate: UInt64 = isConjugate ? 0x8000_0000_0000_0000 : 0
      mask = conjugate ^ (isNegative ? 0x8000_0000_8000_0000 : 0)
    case .f32: mask = isNegative ? 0x8000_0000_8000_0000 : 0
    case .f64: mask = isNegative ? 0x8000_0000_0000_0000 : 0
    case .f16, .bf16: mask = isNegative ? 0x8000_8000_8000_8000 : 0
    default: return nil
    }
  }

  func scratchByteCount(elementCount: Int) -> Int {
    base.scratchByteCount(elementCount: elementCount)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try base.read(elements, into: &values, scratch: &scratch)
    let mask = mask
    // Every dtype here has a width that divides that of the mask, which repeats for it.
    switch dtype.bitsPerElement {
    case 16: values.transformWords(UInt16.self) { $0 ^ UInt16(truncatingIfNeeded: mask) }
    case 32: values.transformWords(UInt32.self) { $0 ^ UInt32(truncatingIfNeeded: mask) }
    default: values.transformWords(UInt64.self) { $0 ^ mask }
    }
  }
}
