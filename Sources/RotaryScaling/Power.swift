import Glibc

/// Elementary functions from the C library.
enum Power {
  static func of(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
  static func log(_ value: Double) -> Double { Glibc.log(value) }
}
