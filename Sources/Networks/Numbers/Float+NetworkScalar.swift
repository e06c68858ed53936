import Glibc

/// Elementary functions in float32, 16 numbers at a time. They use no fused operations, so that every processor returns
/// the same bits.
extension Float: NetworkScalar {
  @inline(__always)
  package static func lanes(_ bytes: borrowing RawSpan, at byteOffset: Int) -> SIMD16<Float> {
    precondition(byteOffset >= 0 && byteOffset <= bytes.byteCount - 64)
    // SAFETY: the precondition keeps the load inside the span, and every bit pattern is a number.
    return unsafe bytes.unsafeLoadUnaligned(
      fromUncheckedByteOffset: byteOffset, as: SIMD16<Float>.self)
  }

  @inline(__always)
  @_lifetime(bytes: copy bytes)
  package static func store(
    _ lanes: SIMD16<Float>, into bytes: inout MutableRawSpan, at byteOffset: Int
  ) {
    bytes.storeBytes(of: lanes, toByteOffset: byteOffset, as: SIMD16<Float>.self)
  }

  @inline(__always)
  package static func converted(_ bytes: borrowing RawSpan, at byteOffset: Int) -> SIMD16<Float> {
    lanes(bytes, at: byteOffset)
  }

  @inline(__always)
  package static func larger(_ a: SIMD16<Float>, _ b: SIMD16<Float>) -> SIMD16<Float> {
    // Comparisons of lanes are fast for a concrete type only.
    a.replacing(with: b, where: .!(b .<= a) .& (a .== a))
  }

  @inline(__always)
  package static func step(_ x: SIMD16<Float>) -> SIMD16<Float> {
    x.replacing(with: 1, where: x .> 0).replacing(with: 0, where: x .<= 0)
  }

  @inline(__always)
  package static func masked(_ x: SIMD16<Float>, by mask: SIMD16<Float>) -> SIMD16<Float> {
    (x * mask).replacing(with: 0, where: mask .== 0)
  }

  /// The relative error is at most 2.5e-7; results below 1.2e-38 are 0.
  ///
  /// x = n log 2 + r with |r| ≤ log 2 / 2, and exp r = 1 + r + r² P(r) with a polynomial P that was fitted for the least
  /// largest error.
  @inline(__always)
  package static func exp(_ x: SIMD16<Float>) -> SIMD16<Float> {
    // Numbers outside of the range give any result, which the last lines replace. (`clamped` is not vectorized.)
    // Adding 1.5 · 2^23 rounds to a whole number, which the last bits of the sum then hold.
    let shift: Float = 12_582_912
    let shifted = x * 1.442_695 + shift
    let n = shifted - shift
    let r = (x - n * 0.693_359_375) + n * 2.121_944_4e-4
    var p = r * 0.001_395_059_98 + 0.008_368_954
    p = p * r + Float(0.041_666_206)
    p = p * r + Float(0.166_665_18)
    p = p * r + Float(0.5)
    p = (p * r) * r + r + Float(1)
    // SAFETY of both casts: vectors of the same size, whose every bit pattern is valid.
    let exponent = unsafe unsafeBitCast(shifted, to: SIMD16<Int32>.self) &- 0x4B40_0000
    let half = exponent &>> 1
    let first = unsafe unsafeBitCast((half &+ 127) &<< 23, to: SIMD16<Float>.self)
    let rest = unsafe unsafeBitCast((exponent &- half &+ 127) &<< 23, to: SIMD16<Float>.self)
    return ((p * first) * rest)
      .replacing(with: 0, where: x .< -87.336)
      .replacing(with: .infinity, where: x .> 88.722)
      .replacing(with: x, where: x .!= x)
  }

  /// The absolute error is at most 2e-7, and relative to the result 3e-7.
  ///
  /// Below 0.625 it is x + x³ P(x²) with a fitted polynomial, above it 1 − 2 / (exp 2x + 1).
  @inline(__always)
  package static func tanh(_ x: SIMD16<Float>) -> SIMD16<Float> {
    let square = x * x
    var p = square * -0.005_717_036_8 + 0.020_650_579
    p = p * square - Float(0.053_743_497)
    p = p * square + Float(0.133_314_91)
    p = p * square - Float(0.333_332_84)
    let small = x + (x * square) * p
    let magnitude = x.replacing(with: -x, where: x .< 0)
    let tail = 1 - 2 / (exp(magnitude + magnitude) + 1)
    let large = tail.replacing(with: -tail, where: x .< 0)
    return large.replacing(with: small, where: magnitude .< 0.625)
      .replacing(with: x, where: x .!= x)
  }

  /// The absolute error is at most 2e-7.
  ///
  /// Up to 1 it is x P(x²), above it 1 − exp Q(x), with fitted polynomials P and Q; Q approximates log(1 − erf x).
  @inline(__always)
  package static func erf(_ x: SIMD16<Float>) -> SIMD16<Float> {
    let square = x * x
    var p = square * -9.641_515e-6 + 0.000_112_569_48
    p = p * square - Float(0.000_848_282_9)
    p = p * square + Float(0.005_220_945_5)
    p = p * square - Float(0.026_865_4)
    p = p * square + Float(0.112_837_82)
    p = p * square - Float(0.376_126_38)
    p = p * square + Float(1.128_379_2)
    let magnitude = x.replacing(with: -x, where: x .< 0)
    let bounded = magnitude.replacing(with: 4, where: magnitude .> 4)
    var q = bounded * -2.090_955_6e-5 + 0.000_432_303
    q = q * bounded - Float(0.004_160_527)
    q = q * bounded + Float(0.025_091_497)
    q = q * bounded - Float(0.108_236_62)
    q = q * bounded - Float(0.633_386_67)
    q = q * bounded - Float(1.129_495_1)
    q = q * bounded + Float(0.000_170_552_03)
    let tail = 1 - exp(q)
    let large = tail.replacing(with: -tail, where: x .< 0)
    return large.replacing(with: x * p, where: magnitude .<= 1).replacing(with: x, where: x .!= x)
  }

  package static func log(_ x: Float) -> Float { Float(Glibc.log(Double(x))) }
}
