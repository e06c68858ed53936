/// Random numbers for the elements of a tensor. Each number depends only on the name of the tensor, the seed and
/// the flat index of the element.
///
/// The generator is `Philox4x32`. Its key is the XXH64 hash of the UTF-8 bytes of the name with the seed, low word
/// first. The counter of an element is its flat index; the upper 64 bits are 0. The uniform number is the upper 24
/// bits of word 0 of the block.
package struct ElementRandom: Sendable {
  /// The key of the generator, low word first, as `Kernels.uniforms` expects it.
  package let key: UInt64
  private let generator: Philox4x32

  package init(tensorName: String, seed: UInt64) {
    key = XXH64.hash(tensorName.utf8.span, seed: seed)
    generator = Philox4x32(
      key: (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32)))
  }

  /// Returns a uniformly distributed multiple of 2⁻²⁴ in [0, 1).
  package func uniform(at flatIndex: UInt64) -> Float {
    Float(generator.block(low: flatIndex).x >> 8) * 0x1p-24
  }
}
