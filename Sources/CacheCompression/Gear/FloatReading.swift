import Base
import Checkpoints
import TensorCore

/// Ranges of a tensor as float32.
enum FloatReading {
  /// What is well read at once.
  static let blockElementCount = 1 << 16

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  static func read(
    _ tensor: LazyTensor, _ elements: Range<Int>, into values: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    let info = tensor.info
    let byteCount = info.dtype.byteCount(of: elements.count) ?? 0
    if info.dtype == .f32 {
      var target = values._mutatingExtracting(0..<byteCount)
      try tensor.source.read(elements, into: &target, scratch: &scratch)
    } else {
      try scratch.split(at: byteCount) { stored, rest in
        try tensor.source.read(elements, into: &stored, scratch: &rest)
        try Kernels.best.convert(
          stored.bytes, from: info.dtype, to: .f32, elementCount: elements.count,
          saturating: false, into: &values)
      }
    }
  }
}

extension RawSpan {
  func float(_ byteOffset: Int) -> Float {
    Float(bitPattern: littleEndian(UInt32.self, at: byteOffset)!)
  }
}
