import Glibc

/// Functions of one number in Double.
enum Elementary {
  /// The weights of two vectors at `t` on the arc between them.
  static func slerp(cosine: Double, t: Double) -> (Double, Double) {
    let angle = acos(cosine)
    let sine = sin(angle)
    return (sin((1 - t) * angle) / sine, sin(t * angle) / sine)
  }
}
