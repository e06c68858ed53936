import Glibc

/// The exponential function in double precision.
enum Exponent {
  static func exp(_ value: Double) -> Double { Glibc.exp(value) }
}
