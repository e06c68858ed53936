import CKernels

extension Kernels {
  /// Runs multiplications and additions of F32 in the registers of this thread, as many in a second as the level can,
  /// and returns their number.
  /// - Parameter rounds: At least 12 fused multiply-adds of a whole vector each.
  package func multiplyAdd(rounds: Int) -> Double {
    var result: Float = 0
    return unsafe table.pointee.multiply_add_rounds(rounds, 0.5, &result)
  }
}
