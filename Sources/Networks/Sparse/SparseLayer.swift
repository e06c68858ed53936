import TensorCore

/// The passes of a layer that skip the weights outside of its pattern.
///
/// Each number of the output and of the gradient of the input is a sum over weights in a fixed order; each gradient of a
/// weight is a sum over pieces of 512 places, in order, and in each piece of 16 partial sums. Neither depends on the
/// workers or on the processor. Source: the layout of planes follows the idea of shifted vectors in Park et al., "Faster
/// CNNs with direct sparse convolutions and guided pruning".
struct SparseLayer<S: NetworkScalar> {
  let geometry: SparseGeometry
  let compute: Compute

  private static var isDouble: Bool { S.self == Double.self }
  /// The elements of the planes that a worker computes at once.
  private static var pieceCount: Int { 256 }
  /// The places whose products are added before they are added to the gradient of a weight.
  private static var sumCount: Int { 512 }
  private static var rowsPerWorker: Int { 32 }
  private static var channelsPerWorker: Int { 8 }

  /// Calls `body` with ranges that together are all numbers below `count`.
  private func forEachPart(
    _ count: Int, of size: Int, _ body: @Sendable (Range<Int>) -> Void
  ) throws {
    try compute.forEach((count + size - 1) / size) { part in
      body(part * size..<min(count, (part + 1) * size))
    }
  }

  /// Returns values in planes, with zeros around them.
  private func packed(_ value: Value<S>, _ layout: PlaneLayout) throws -> Memory<S> {
    let planes = compute.scratch(layout.planeCount) as Memory<S>
    try forEachPart(layout.channels, of: Self.channelsPerWorker) { channels in
      var target = planes.mutableSpan
      // SAFETY of this and the other uses of bytes: numbers have no padding.
      var bytes = unsafe target.mutableBytes
      Kernels.best.packPlanes(
        layout, channels: channels, from: unsafe value.span.bytes, into: &bytes,
        isDouble: Self.isDouble)
    }
    return planes
  }

  private func unpack(
    _ planes: Memory<S>, _ layout: PlaneLayout, to value: Value<S>, isAdding: Bool
  ) throws {
    try forEachPart(layout.channels, of: Self.channelsPerWorker) { channels in
      var target = value.mutableSpan
      var bytes = unsafe target.mutableBytes
      Kernels.best.unpackPlanes(
        layout, channels: channels, from: unsafe planes.span.bytes, into: &bytes,
        isAdding: isAdding, isDouble: Self.isDouble)
    }
  }

  /// Returns the product of a sparse matrix with vectors in planes.
  private func product(
    _ matrix: SparseRows, _ weights: Memory<S>, _ vectors: Memory<S>
  ) throws -> Memory<S> {
    let count = geometry.elementCount
    let result: Memory<S> = compute.scratch(matrix.rowCount * count)
    let pieces = (count + Self.pieceCount - 1) / Self.pieceCount
    let parts = (matrix.rowCount + Self.rowsPerWorker - 1) / Self.rowsPerWorker
    try compute.forEach(pieces * parts) { index in
      let (piece, part) = index.quotientAndRemainder(dividingBy: parts)
      var target = result.mutableSpan
      var bytes = unsafe target.mutableBytes
      Kernels.best.multiply(
        matrix,
        rows: part * Self.rowsPerWorker..<min(matrix.rowCount, (part + 1) * Self.rowsPerWorker),
        weights: unsafe weights.span.bytes, vectors: unsafe vectors.span.bytes,
        elements: piece * Self.pieceCount..<min(count, (piece + 1) * Self.pieceCount),
        into: &bytes, pitch: count, isDouble: Self.isDouble)
    }
    return result
  }

  /// Returns the weights of a support, in the order of the entries.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  private func entries(
    _ weight: Value<S>, _ support: SparseSupport, order: [UInt32]? = nil
  ) -> Memory<S> {
    let result: Memory<S> = compute.scratch(support.indexes.count)
    let source = weight.span
    var target = result.mutableSpan
    if let order {
      for (place, number) in order.enumerated() {
        target[place] = source[Int(support.indexes[Int(number)])]
      }
    } else {
      for (place, index) in support.indexes.enumerated() { target[place] = source[Int(index)] }
    }
    return result
  }

  // MARK: Passes

  /// Writes the output of the layer, without bias.
  func forward(_ x: Value<S>, _ weight: Value<S>, _ kept: SparseSupport, into y: Value<S>) throws {
    let tables = kept.tables(for: geometry)
    let planes = try packed(x, geometry.inputPlanes)
    let result = try product(tables.rows, entries(weight, kept), planes)
    try unpack(result, geometry.outputPlanes, to: y, isAdding: false)
  }

  /// Adds the derivatives by the input to `dx`, and those by the trained weights to `dw`, where they are needed.
  func backward(
    _ x: Value<S>, _ weight: Value<S>, _ pattern: SparsePattern, gradient: Value<S>,
    to dx: Value<S>?, _ dw: Value<S>?
  ) throws {
    guard dx != nil || dw != nil else { return }
    let planes = try packed(gradient, geometry.gradientPlanes)
    if let dx {
      let tables = pattern.kept.tables(for: geometry)
      let result = try product(
        tables.columns, entries(weight, pattern.kept, order: tables.order), planes)
      try unpack(result, geometry.inputGradientPlanes, to: dx, isAdding: true)
    }
    guard let dw else { return }
    let tables = pattern.trained.tables(for: geometry)
    let inputs = try packed(x, geometry.inputPlanes)
    let sums = Memory<S>(pattern.trained.indexes.count, isZero: true, in: compute.arena)
    try forEachPart(geometry.outputs, of: Self.channelsPerWorker) { rows in
      var target = sums.mutableSpan
      var bytes = unsafe target.mutableBytes
      for start in stride(from: 0, to: geometry.elementCount, by: Self.sumCount) {
        Kernels.best.addDots(
          tables.rows, rows: rows, rowVectors: unsafe planes.span.bytes,
          start: geometry.gradientLead, pitch: geometry.gradientPitch,
          others: unsafe inputs.span.bytes,
          elements: start..<min(geometry.elementCount, start + Self.sumCount), to: &bytes,
          isDouble: Self.isDouble)
      }
    }
    add(sums, of: pattern.trained, to: dw)
  }

  /// Adds a number for each weight of a support.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  private func add(_ numbers: Memory<S>, of support: SparseSupport, to value: Value<S>) {
    let source = numbers.span
    var target = value.mutableSpan
    for (place, index) in support.indexes.enumerated() { target[Int(index)] += source[place] }
  }
}
