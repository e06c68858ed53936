import Base
import Checkpoints
import PackedFormat
import TensorCore

/// Sums of F64, which are added in double precision.
extension TermSumSource {
  /// Fills `values` with the sums of a range.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func readWide(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let count = elements.count
    for (number, part) in sum.parts.enumerated() {
      try scratch.split(at: 8 * count) { terms, rest in
        let factor = try read(part, elements, into: &terms, scratch: &rest)
        for index in 0..<count {
          let term = Self.double(terms.bytes, index) * factor
          let value = number == 0 ? term : Self.double(values.bytes, index) + term
          values.storeLittleEndian(value.bitPattern, at: 8 * index)
        }
      }
    }
    for index in 0..<count where !Self.double(values.bytes, index).isFinite {
      throw fault("value \(elements.lowerBound + index) becomes NaN or infinite")
    }
  }

  private static func double(_ values: borrowing RawSpan, _ index: Int) -> Double {
    Double(bitPattern: values.littleEndian(UInt64.self, at: 8 * index) ?? 0)
  }

  /// Reads a part as F64, and returns the factor that its values are to be multiplied by.
  @_lifetime(terms: copy terms)
  @_lifetime(scratch: copy scratch)
  private func read(
    _ part: TermSum.Part, _ elements: Range<Int>, into terms: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws -> Double {
    switch part {
    case .dense(let tensor, let factor):
      let dtype = tensor.info.dtype
      try scratch.split(at: (elements.count * dtype.bitsPerElement + 7) / 8) { stored, rest in
        try tensor.source.read(elements, into: &stored, scratch: &rest)
        try Kernels.best.convert(
          stored.bytes, from: dtype, to: .f64, elementCount: elements.count, saturating: false,
          into: &terms)
      }
      return Double(factor)
    case .lowRank(let u, let v, let factor):
      try scratch.split(at: 4 * elements.count) { sums, rest in
        sums.fill()
        try addProduct(u, v, factor, elements, to: &sums, scratch: &rest)
        try Kernels.best.convert(
          sums.bytes, from: .f32, to: .f64, elementCount: elements.count, saturating: false,
          into: &terms)
      }
      return 1
    case .stored(let stored, _):
      throw FormatError(
        .nonfiniteValue, "stored terms of F64 cannot be added", path: stored.reader.file.path,
        tensor: info.name)
    }
  }
}
