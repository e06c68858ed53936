/// An element type of matrices that OpenBLAS multiplies.
package protocol BLASScalar: BinaryFloatingPoint, BitwiseCopyable, Sendable {
  /// Computes a product by one call on this thread.
  static func multiply(_ product: MatrixProduct<Self>, with library: OpenBLASLibrary)
}

extension Float: BLASScalar {
  package static func multiply(_ product: MatrixProduct<Float>, with library: OpenBLASLibrary) {
    let shape = product.shape
    // SAFETY: `MatrixProduct` guarantees that the places contain what the shape describes.
    unsafe library.multiplySingle(
      CBLAS.rowMajor, CBLAS.operation(shape.aTransposed), CBLAS.operation(shape.bTransposed),
      Int32(shape.rows), Int32(shape.columns), Int32(shape.depth), product.scale, product.a,
      Int32(shape.aStride), product.b, Int32(shape.bStride), product.adding ? 1 : 0, product.c,
      Int32(shape.cStride))
  }
}

extension Double: BLASScalar {
  package static func multiply(_ product: MatrixProduct<Double>, with library: OpenBLASLibrary) {
    let shape = product.shape
    // SAFETY: as above.
    unsafe library.multiplyDouble(
      CBLAS.rowMajor, CBLAS.operation(shape.aTransposed), CBLAS.operation(shape.bTransposed),
      Int32(shape.rows), Int32(shape.columns), Int32(shape.depth), product.scale, product.a,
      Int32(shape.aStride), product.b, Int32(shape.bStride), product.adding ? 1 : 0, product.c,
      Int32(shape.cStride))
  }
}

/// The constants of cblas.h.
private enum CBLAS {
  static let rowMajor: Int32 = 101

  static func operation(_ isTransposed: Bool) -> Int32 { isTransposed ? 112 : 111 }
}
