/// The orthonormal Walsh-Hadamard transform with which llama.cpp rotates quantized caches; it is its own inverse.
enum HadamardRotation {
  /// Returns the block size for keys, the largest 64 · 2^n that divides the head dim, or nil if they are not
  /// rotated.
  static func keyBlock(dim: Int) -> Int? {
    guard dim % 64 == 0 else { return nil }
    var block = 64
    while dim % (2 * block) == 0 { block *= 2 }
    return block
  }

  /// Returns the block size for values, or nil if they are not rotated.
  static func valueBlock(dim: Int) -> Int? { dim % 64 == 0 ? 64 : nil }

  /// Rotates each block of `values` in place.
  static func apply(_ values: inout [Float], block: Int) {
    let scale = 1 / Double(block).squareRoot()
    for start in stride(from: 0, to: values.count - block + 1, by: block) {
      var sums = (0..<block).map { Double(values[start + $0]) }
      var half = 1
      while half < block {
        for first in stride(from: 0, to: block, by: 2 * half) {
          for index in first..<first + half {
            let (a, b) = (sums[index], sums[index + half])
            sums[index] = a + b
            sums[index + half] = a - b
          }
        }
        half *= 2
      }
      for index in 0..<block { values[start + index] = Float(sums[index] * scale) }
    }
  }
}
