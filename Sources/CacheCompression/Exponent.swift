import Glibc

enum Exponent {
  static func exp(_ value: Double) -> Double { Glibc.exp(value) }
}
