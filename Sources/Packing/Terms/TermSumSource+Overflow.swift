import Base
import Checkpoints
import PackedFormat
import TensorCore

/// Sums that are not finite in float32 although all their parts are.
extension TermSumSource {
  /// Throws if a sum is not finite although its parts are; sums of infinite parts may be infinite.
  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  func checkOverflow(
    chunk: Int, _ elements: Range<Int>, of sums: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    guard info.dtype.isPlainFloat, let first = Kernels.best.firstNotFinite(sums.bytes) else {
      return
    }
    var suspects = (first..<elements.count).filter {
      !sums.bytes.isFinite($0, dtype: .f32)
    }
    for part in sum.parts {
      switch part {
      case .dense(let tensor, _):
        _ = try FloatReader(tensor).read(elements, into: &sums, scratch: &scratch) { stored, _ in
          var remaining: [Int] = []
          for index in suspects where stored.isFinite(index, dtype: tensor.info.dtype) {
            remaining.append(index)
          }
          suspects = remaining
        }
      case .stored(let stored, _):
        try add(
          .stored(stored, factor: 1), chunk: chunk, elements, isFirst: true, to: &sums,
          scratch: &scratch)
        var remaining: [Int] = []
        for index in suspects where sums.bytes.isFinite(index, dtype: .f32) {
          remaining.append(index)
        }
        suspects = remaining
      // The factors were checked when the vector was read.
      case .lowRank: continue
      }
    }
    if let index = suspects.first {
      throw fault(
        "value \(elements.lowerBound + index) becomes infinite, although the values that are added are finite",
        hint: "use a smaller \(setting: "scale")")
    }
    for (index, part) in sum.parts.enumerated() {
      try add(part, chunk: chunk, elements, isFirst: index == 0, to: &sums, scratch: &scratch)
    }
  }
}
