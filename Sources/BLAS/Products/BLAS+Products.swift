import Base

extension BLAS {
  /// Computes C = scale · op(A) · op(B), or adds it to C.
  ///
  /// The product is cut in tiles that the crew shares. Inside of a piece of the crew, the thread computes all tiles.
  ///
  /// - Parameters:
  ///   - a: A, row-major, shape [rows, depth], or [depth, rows] if transposed.
  ///   - b: B, row-major, shape [depth, columns], or [columns, depth] if transposed.
  ///   - aStride: The distance between stored rows of A, in values. The default is the length of a row; the same holds
  ///     for the other strides.
  ///   - c: C, row-major, shape [rows, columns]. Unless `adding`, the values before the call do not matter.
  /// - Throws: ``InterruptedError`` if a stop is requested. C is incomplete then.
  /// - Complexity: O(rows · columns · depth).
  @_lifetime(c: copy c)
  package func multiply<S: BLASScalar>(
    _ a: Span<S>, transposed aTransposed: Bool = false, stride aStride: Int? = nil,
    by b: Span<S>, transposed bTransposed: Bool = false, stride bStride: Int? = nil,
    rows: Int, columns: Int, depth: Int, scale: S = 1, adding: Bool = false,
    into c: inout MutableSpan<S>, stride cStride: Int? = nil
  ) throws {
    let shape = ProductShape(
      rows: rows, columns: columns, depth: depth, aTransposed: aTransposed,
      bTransposed: bTransposed, aStride: aStride, bStride: bStride, cStride: cStride)
    precondition(a.count >= shape.aCount && b.count >= shape.bCount && c.count >= shape.cCount)
    let tiles = ProductTiles(rows: rows, columns: columns, depth: depth)
    try withProduct(a, b, shape, scale, adding, &c) { product in
      try crew.forEach(count: tiles.count) { index in
        let tile = tiles[index]
        S.multiply(product.part(rows: tile.rows, columns: tile.columns), with: library)
      }
    }
  }

  /// Computes the same as `multiply` by one call on this thread, for callers that share work among threads themselves.
  ///
  /// The result may differ in its last bits from that of `multiply`, which cuts large products.
  @_lifetime(c: copy c)
  package func multiplyTile<S: BLASScalar>(
    _ a: Span<S>, transposed aTransposed: Bool = false, stride aStride: Int? = nil,
    by b: Span<S>, transposed bTransposed: Bool = false, stride bStride: Int? = nil,
    rows: Int, columns: Int, depth: Int, scale: S = 1, adding: Bool = false,
    into c: inout MutableSpan<S>, stride cStride: Int? = nil
  ) {
    let shape = ProductShape(
      rows: rows, columns: columns, depth: depth, aTransposed: aTransposed,
      bTransposed: bTransposed, aStride: aStride, bStride: bStride, cStride: cStride)
    precondition(a.count >= shape.aCount && b.count >= shape.bCount && c.count >= shape.cCount)
    withProduct(a, b, shape, scale, adding, &c) { S.multiply($0, with: library) }
  }

  /// Computes one product for each item of `places`, such as the heads of an attention: the same shape, at other places
  /// in the same memory. Each product is one tile; the crew shares them.
  ///
  /// Traps if a place is outside of its span, or if two products write to the same value.
  /// - Throws: ``InterruptedError`` if a stop is requested. C is incomplete then.
  @_lifetime(c: copy c)
  package func multiply<S: BLASScalar>(
    at places: [ProductOffsets],
    _ a: Span<S>, transposed aTransposed: Bool = false, stride aStride: Int? = nil,
    by b: Span<S>, transposed bTransposed: Bool = false, stride bStride: Int? = nil,
    rows: Int, columns: Int, depth: Int, scale: S = 1, adding: Bool = false,
    into c: inout MutableSpan<S>, stride cStride: Int? = nil
  ) throws {
    let shape = ProductShape(
      rows: rows, columns: columns, depth: depth, aTransposed: aTransposed,
      bTransposed: bTransposed, aStride: aStride, bStride: bStride, cStride: cStride)
    for place in places {
      precondition(place.a >= 0 && place.a <= a.count - shape.aCount)
      precondition(place.b >= 0 && place.b <= b.count - shape.bCount)
      precondition(place.c >= 0 && place.c <= c.count - shape.cCount)
    }
    precondition(shape.areDisjoint(places.map(\.c)), "two products write to the same value")
    try withProduct(a, b, shape, scale, adding, &c) { product in
      try crew.forEach(count: places.count) { index in
        S.multiply(product.moved(by: places[index]), with: library)
      }
    }
  }

  /// Calls `body` with a product, unless there is nothing to compute.
  @_lifetime(c: copy c)
  private func withProduct<S: BLASScalar, Failure: Error>(
    _ a: Span<S>, _ b: Span<S>, _ shape: ProductShape, _ scale: S, _ adding: Bool,
    _ c: inout MutableSpan<S>, _ body: (MatrixProduct<S>) throws(Failure) -> Void
  ) throws(Failure) {
    guard shape.cCount > 0 else { return }
    // SAFETY: the callers check that the spans contain the matrices, and the product ends before the borrows.
    unsafe try c.withUnsafeMutableBufferPointer { (c) throws(Failure) in
      unsafe try a.withUnsafeBufferPointer { (a) throws(Failure) in
        unsafe try b.withUnsafeBufferPointer { (b) throws(Failure) in
          // A product of depth 0 reads no A and no B, which may be empty spans without an address.
          let start = c.baseAddress!
          unsafe try body(
            MatrixProduct(
              a: a.baseAddress ?? UnsafePointer(start), b: b.baseAddress ?? UnsafePointer(start),
              c: start, shape: shape, scale: scale, adding: adding))
        }
      }
    }
  }
}
