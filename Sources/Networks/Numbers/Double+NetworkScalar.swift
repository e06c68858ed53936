import Glibc

/// Elementary functions in float64, from the C library.
extension Double: NetworkScalar {
  @inline(__always)
  package static func lanes(_ bytes: borrowing RawSpan, at byteOffset: Int) -> SIMD16<Double> {
    precondition(byteOffset >= 0 && byteOffset <= bytes.byteCount - 128)
    // SAFETY: the precondition keeps the load inside the span, and every bit pattern is a number.
    return unsafe bytes.unsafeLoadUnaligned(
      fromUncheckedByteOffset: byteOffset, as: SIMD16<Double>.self)
  }

  @inline(__always)
  @_lifetime(bytes: copy bytes)
  package static func store(
    _ lanes: SIMD16<Double>, into bytes: inout MutableRawSpan, at byteOffset: Int
  ) {
    bytes.storeBytes(of: lanes, toByteOffset: byteOffset, as: SIMD16<Double>.self)
  }

  package static func converted(_ bytes: borrowing RawSpan, at byteOffset: Int) -> SIMD16<Double> {
    SIMD16<Double>(Float.lanes(bytes, at: byteOffset))
  }

  @inline(__always)
  package static func larger(_ a: SIMD16<Double>, _ b: SIMD16<Double>) -> SIMD16<Double> {
    // Comparisons of lanes are fast for a concrete type only.
    a.replacing(with: b, where: .!(b .<= a) .& (a .== a))
  }

  @inline(__always)
  package static func step(_ x: SIMD16<Double>) -> SIMD16<Double> {
    x.replacing(with: 1, where: x .> 0).replacing(with: 0, where: x .<= 0)
  }

  @inline(__always)
  package static func masked(_ x: SIMD16<Double>, by mask: SIMD16<Double>) -> SIMD16<Double> {
    (x * mask).replacing(with: 0, where: mask .== 0)
  }

  package static func exp(_ x: SIMD16<Double>) -> SIMD16<Double> { each(x) { Glibc.exp($0) } }
  package static func tanh(_ x: SIMD16<Double>) -> SIMD16<Double> { each(x) { Glibc.tanh($0) } }
  package static func erf(_ x: SIMD16<Double>) -> SIMD16<Double> { each(x) { Glibc.erf($0) } }
  package static func log(_ x: Double) -> Double { Glibc.log(x) }

  @inline(__always)
  private static func each(_ x: SIMD16<Double>, _ body: (Double) -> Double) -> SIMD16<Double> {
    var result = x
    for index in 0..<16 { result[index] = body(x[index]) }
    return result
  }
}
