package import BLAS

/// A type of number that networks compute in: `Float` in the program, `Double` in tests of the same code.
package protocol NetworkScalar: BLASScalar, SIMDScalar, Codable {
  /// Returns the 16 numbers at `byteOffset`, which must be inside `bytes`.
  static func lanes(_ bytes: borrowing RawSpan, at byteOffset: Int) -> SIMD16<Self>
  /// Stores 16 numbers at `byteOffset`. Traps if they do not fit.
  @_lifetime(bytes: copy bytes)
  static func store(_ lanes: SIMD16<Self>, into bytes: inout MutableRawSpan, at byteOffset: Int)

  /// Returns the larger number of each lane; NaN if one of the two is NaN.
  static func larger(_ a: SIMD16<Self>, _ b: SIMD16<Self>) -> SIMD16<Self>
  /// Returns 1 for each number above 0, 0 for others, and NaN for NaN.
  static func step(_ x: SIMD16<Self>) -> SIMD16<Self>
  /// Returns x · mask, and 0 where the mask is 0 whatever x is.
  static func masked(_ x: SIMD16<Self>, by mask: SIMD16<Self>) -> SIMD16<Self>
  /// Returns e to the power of each lane.
  static func exp(_ x: SIMD16<Self>) -> SIMD16<Self>
  /// Returns the hyperbolic tangent of each lane.
  static func tanh(_ x: SIMD16<Self>) -> SIMD16<Self>
  /// Returns the error function 2/√π ∫₀ˣ exp(−t²) dt of each lane.
  static func erf(_ x: SIMD16<Self>) -> SIMD16<Self>
  /// Returns the natural logarithm, which the C library computes in float64.
  static func log(_ x: Self) -> Self
  /// Returns the number that float32 values of a checkpoint are stored as.
  static func converted(_ bytes: borrowing RawSpan, at byteOffset: Int) -> SIMD16<Self>
}
