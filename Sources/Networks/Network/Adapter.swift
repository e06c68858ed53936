/// A low-rank adapter of a linear layer, which adds s (x Aᵀ) Bᵀ to its output.
package struct Adapter<Scalar: NetworkScalar>: Sendable {
  /// A, shape `[rank, in]`.
  package let a: any Parameter<Scalar>
  /// B, shape `[out, rank]`.
  package let b: any Parameter<Scalar>
  /// The factor s.
  package let scale: Double

  package init(a: any Parameter<Scalar>, b: any Parameter<Scalar>, scale: Double) {
    self.a = a
    self.b = b
    self.scale = scale
  }
}
