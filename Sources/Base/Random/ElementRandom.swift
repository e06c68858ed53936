/// Random numbers for the elements of a tensor: each depends on the tensor's name, the seed and the
/// element's flat index, and on nothing else.
///
/// The generator is `Philox4x32`. Its key is XXH64 of the name's UTF-8 bytes with the seed, low word
/// first; the counter of an element is its flat index, the upper 64 bits being 0; the uniform is
/// the upper 24 bits of word 0 of the block.
package struct ElementRandom: Sendable {
  /// The generator's key, its low word first: what `Kernels.uniforms` takes.
  package let key: UInt64
  private let generator: Philox4x32

  package init(tensorName: String, seed: UInt64) {
    key = XXH64.hash(tensorName.utf8.span, seed: seed)
    generator = Philox4x32(
      key: (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32)))
  }

  /// A multiple of 2⁻²⁴ in [0, 1), all of them equally likely.
  package func uniform(at flatIndex: UInt64) -> Float {
    Float(generator.block(low: flatIndex).x >> 8) * 0x1p-24
  }
}
