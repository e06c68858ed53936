import Base
import TensorCore

/// The passes of a layer that skip the weights outside of its pattern.
///
/// Each number of the output and of the gradient of the input is a sum over weights in a fixed order; each gradient of a
/// weight is a sum over groups of images in up to 8 parts, in each group over pieces of 512 places, in order, and in each
/// piece of 16 partial sums. Neither depends on the workers or on the processor. Source: the layout of planes follows the
/// idea of shifted vectors in Park et al., "Faster CNNs with direct sparse convolutions and guided pruning".
struct SparseLayer<S: NetworkScalar> {
  let geometry: SparseGeometry
  let compute: Compute

  private static var isDouble: Bool { S.self == Double.self }
  /// The elements of the planes that are computed at once.
  private static var pieceCount: Int { 256 }
  /// The places whose products are added before they are added to the gradient of a weight.
  private static var sumCount: Int { 512 }
  /// The number of sums of weight gradients that workers form at the same time.
  private static var partCount: Int { 8 }

  /// The images of each group.
  private func groups(_ x: Value<S>) -> [Range<Int>] {
    let count = x.count / (geometry.inputs * geometry.height * geometry.width)
    return stride(from: 0, to: count, by: geometry.images).map {
      $0..<min(count, $0 + geometry.images)
    }
  }

  /// Returns the bytes of some images of a value.
  private func bytes(_ images: Range<Int>, _ layout: PlaneLayout) -> Range<Int> {
    let size = layout.valueCount / layout.images * MemoryLayout<S>.stride
    return images.lowerBound * size..<images.upperBound * size
  }

  /// Returns images in planes, with zeros around them.
  private func packed(
    _ value: Value<S>, _ images: Range<Int>, _ layout: PlaneLayout
  ) -> Memory<S> {
    let planes = compute.scratch(layout.planeCount) as Memory<S>
    var target = planes.mutableSpan
    // SAFETY of this and the other uses of bytes: numbers have no padding.
    var bytes = unsafe target.mutableBytes
    let source = unsafe value.span.bytes
    Kernels.best.packPlanes(
      layout, channels: 0..<layout.channels, from: source.extracting(self.bytes(images, layout)),
      into: &bytes, isDouble: Self.isDouble)
    return planes
  }

  private func unpack(
    _ planes: Memory<S>, _ layout: PlaneLayout, to value: Value<S>, _ images: Range<Int>,
    isAdding: Bool
  ) {
    var all = value.mutableSpan
    var bytes = unsafe all.mutableBytes
    var target = bytes._mutatingExtracting(self.bytes(images, layout))
    // With a larger stride some values may have no place.
    let isPartial = layout.stride > 1
    if !isAdding, isPartial { target.fill() }
    Kernels.best.unpackPlanes(
      layout, channels: 0..<layout.channels, from: unsafe planes.span.bytes, into: &target,
      isAdding: isAdding || isPartial, isDouble: Self.isDouble)
  }

  /// Returns the product of a sparse matrix with vectors in the planes of some images.
  private func product(
    _ matrix: SparseRows, _ weights: Memory<S>, _ vectors: Memory<S>, images: Int
  ) -> Memory<S> {
    let result: Memory<S> = compute.scratch(matrix.rowCount * geometry.elementCount)
    let count = geometry.elementCount(images)
    var target = result.mutableSpan
    var bytes = unsafe target.mutableBytes
    for start in stride(from: 0, to: count, by: Self.pieceCount) {
      Kernels.best.multiply(
        matrix, rows: 0..<matrix.rowCount, weights: unsafe weights.span.bytes,
        vectors: unsafe vectors.span.bytes, elements: start..<min(count, start + Self.pieceCount),
        into: &bytes, pitch: geometry.elementCount, isDouble: Self.isDouble)
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
    let (weights, groups) = (entries(weight, kept), groups(x))
    try compute.forEach(groups.count) { group in
      let images = groups[group]
      let planes = packed(x, images, geometry.inputPlanes(images.count))
      let result = product(tables.rows, weights, planes, images: images.count)
      unpack(result, geometry.outputPlanes(images.count), to: y, images, isAdding: false)
    }
  }

  /// Adds the derivatives by the input to `dx`, and those by the trained weights to `dw`, where they are needed.
  /// - Parameter isNew: True to set the derivatives by the input.
  func backward(
    _ x: Value<S>, _ weight: Value<S>, _ pattern: SparsePattern, gradient: Value<S>,
    to dx: Value<S>?, isNew: Bool, _ dw: Value<S>?
  ) throws {
    guard dx != nil || dw != nil else { return }
    let kept = pattern.kept.tables(for: geometry)
    let weights = entries(weight, pattern.kept, order: kept.order)
    let groups = groups(x)
    let parts = min(Self.partCount, groups.count)
    let trained = pattern.trained.tables(for: geometry).rows
    let sums =
      dw == nil
      ? nil : Memory<S>(parts * trained.offsets.count, isZero: true, in: compute.arena)
    try compute.forEach(parts) { part in
      for images in groups[part * groups.count / parts..<(part + 1) * groups.count / parts] {
        let count = images.count
        let planes = packed(gradient, images, geometry.gradientPlanes(count))
        if let dx {
          let result = product(kept.columns, weights, planes, images: count)
          unpack(result, geometry.inputGradientPlanes(count), to: dx, images, isAdding: !isNew)
        }
        if let sums {
          let inputs = packed(x, images, geometry.inputPlanes(count))
          addDots(trained, planes, inputs, images: count, to: sums, part: part)
        }
      }
    }
    if let sums, let dw { add(sums, parts: parts, of: pattern.trained, to: dw) }
  }

  /// Adds the products of gradients and inputs of a group to the sums of a part.
  private func addDots(
    _ matrix: SparseRows, _ gradients: Memory<S>, _ inputs: Memory<S>, images: Int,
    to sums: Memory<S>, part: Int
  ) {
    var all = sums.mutableSpan
    var bytes = unsafe all.mutableBytes
    let size = matrix.offsets.count * MemoryLayout<S>.stride
    var target = bytes._mutatingExtracting(part * size..<(part + 1) * size)
    let count = geometry.elementCount(images)
    for start in stride(from: 0, to: count, by: Self.sumCount) {
      Kernels.best.addDots(
        matrix, rows: 0..<matrix.rowCount, rowVectors: unsafe gradients.span.bytes,
        start: geometry.gradientLead, pitch: geometry.gradientPitch,
        others: unsafe inputs.span.bytes, elements: start..<min(count, start + Self.sumCount),
        to: &target, isDouble: Self.isDouble)
    }
  }

  /// Adds a number for each weight of a support: the sum of its numbers in all parts, in order.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  private func add(
    _ numbers: Memory<S>, parts: Int, of support: SparseSupport, to value: Value<S>
  ) {
    let (source, count) = (numbers.span, support.indexes.count)
    var target = value.mutableSpan
    for (place, index) in support.indexes.enumerated() {
      for part in 0..<parts { target[Int(index)] += source[part * count + place] }
    }
  }
}
