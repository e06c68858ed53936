import Glibc

/// Elementary functions in double precision.
enum Elementary {
  /// Returns the weights of two vectors at position `t` on the arc between them.
  ///
  /// - Parameter cosine: The cosine of the angle between the vectors; not 1 or −1.
  static func slerp(cosine: Double, t: Double) -> (Double, Double) {
    let angle = acos(cosine)
    let sine = sin(angle)
    return (sin((1 - t) * angle) / sine, sin(t * angle) / sine)
  }
}
