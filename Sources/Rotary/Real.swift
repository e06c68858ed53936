import Glibc

/// Elementary functions from the C library.
enum Real {
  static func pow(_ base: Double, _ exponent: Double) -> Double { Glibc.pow(base, exponent) }
  static func log(_ value: Double) -> Double { Glibc.log(value) }
}
