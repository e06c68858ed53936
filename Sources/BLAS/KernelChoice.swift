/// The kernels that compute matrix products.
package enum KernelChoice: String, CaseIterable, Codable, Sendable {
  /// The fastest kernels for this processor. Results differ in their last bits from those of other processors.
  case native
  /// The kernels for AVX2 and FMA, which every x86-64 processor with both runs to the same bits.
  case portable
}
