/// A product C = scale · op(A) · op(B), which is added to C or replaces it, at places in memory.
@safe package struct MatrixProduct<Scalar: BLASScalar>: @unchecked Sendable {
  // SAFETY: who creates a product guarantees that the memory lives as long as the product is used, that it contains the
  // values that the shape describes, and that products which run at the same time write to different values.
  let a: UnsafePointer<Scalar>
  let b: UnsafePointer<Scalar>
  let c: UnsafeMutablePointer<Scalar>
  let shape: ProductShape
  let scale: Scalar
  let adding: Bool

  @unsafe init(
    a: UnsafePointer<Scalar>, b: UnsafePointer<Scalar>, c: UnsafeMutablePointer<Scalar>,
    shape: ProductShape, scale: Scalar, adding: Bool
  ) {
    unsafe self.a = a
    unsafe self.b = b
    unsafe self.c = c
    self.shape = shape
    self.scale = scale
    self.adding = adding
  }

  /// Returns the part of the product that computes these rows and columns of C, which must exist.
  func part(rows: Range<Int>, columns: Range<Int>) -> MatrixProduct {
    var part = shape
    part.rows = rows.count
    part.columns = columns.count
    // SAFETY: the part reads and writes values of this product only.
    return unsafe MatrixProduct(
      a: a + rows.lowerBound * (shape.aTransposed ? 1 : shape.aStride),
      b: b + columns.lowerBound * (shape.bTransposed ? shape.bStride : 1),
      c: c + rows.lowerBound * shape.cStride + columns.lowerBound, shape: part, scale: scale,
      adding: adding)
  }

  /// Returns the same product with all places moved.
  func moved(by offsets: ProductOffsets) -> MatrixProduct {
    // SAFETY: the caller guarantees it for the new places.
    unsafe MatrixProduct(
      a: a + offsets.a, b: b + offsets.b, c: c + offsets.c, shape: shape, scale: scale,
      adding: adding)
  }
}

/// The places of the matrices of a product in three regions of memory, in values.
package struct ProductOffsets: Sendable, Equatable {
  package var a: Int
  package var b: Int
  package var c: Int

  package init(a: Int, b: Int, c: Int) {
    self.a = a
    self.b = b
    self.c = c
  }
}
