/// The power sums Σ|w|ᵖ and Σ|w|^q of values w.
package struct PowerSums: Sendable, Equatable {
  package var p = 0.0
  package var q = 0.0

  package init(p: Double = 0, q: Double = 0) {
    self.p = p
    self.q = q
  }

  package mutating func merge(_ next: PowerSums) {
    p += next.p
    q += next.q
  }
}
