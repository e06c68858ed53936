/// A convolution with zeros around the image: y[n, o] = Σ_c w[o, c] ∗ x[n, c] + b[o].
///
/// Input `[images, in, height, width]`, or `[sequences, in, length]`; weights w `[out, in, kernel…]` and, if there is
/// one, b `[out]`; output `[images, out, …]`.
/// - Complexity: O(images · out · in · kernel · places) time; each worker needs memory for `in · kernel · places`
///   numbers.
package struct Convolution: Operation {
  package static let name = "convolution"

  package let stride: Int
  package let padding: Int
  /// True if weights outside of the pattern of w are skipped.
  package let isSparse: Bool

  package init(stride: Int = 1, padding: Int = 0, isSparse: Bool = false) {
    self.stride = stride
    self.padding = padding
    self.isSparse = isSparse
  }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, (1...2).contains(weights.count), (3...4).contains(inputs[0].count),
      weights[0].count == inputs[0].count, inputs[0][1] == weights[0][1],
      weights.count == 1 || weights[1] == [weights[0][0]], stride > 0, padding >= 0,
      zip(inputs[0], weights[0]).dropFirst(2).allSatisfy({ $1 > 0 && $0 + 2 * padding >= $1 })
    else {
      throw ShapeFault(
        Self.name, "expected x [n, in, size…], w [out, in, kernel…], b [out]", inputs, weights)
    }
    let columns = columns(inputs[0], weights[0])
    return [inputs[0][0], weights[0][0]]
      + (inputs[0].count == 4 ? [columns.outputHeight] : []) + [columns.outputWidth]
  }

  /// Returns the windows of an image; a sequence is an image of height 1.
  private func columns(_ input: [Int], _ weight: [Int]) -> ImageColumns {
    let isImage = input.count == 4
    return ImageColumns(
      channels: input[1], height: isImage ? input[2] : 1, width: input[input.count - 1],
      kernel: (isImage ? weight[2] : 1, weight[weight.count - 1]),
      stride: (isImage ? stride : 1, stride), padding: (isImage ? padding : 0, padding))
  }

  package func scratchCount(
    inputs: [[Int]], weights: [[Int]], isBackward: Bool, jobs: Int
  ) -> Int {
    let columns = columns(inputs[0], weights[0])
    let sparse =
      isSparse
      ? SparseGeometry(
        input: inputs[0], weight: weights[0], stride: stride, padding: padding, isDouble: false)
      : nil
    return sparse?.scratchCount(isBackward: isBackward) ?? jobs * columns.rows * columns.columns
  }

  /// Returns the passes that skip weights; nil if products use all of them.
  private func sparse<S: NetworkScalar>(
    _ x: Value<S>, _ weight: any Parameter<S>, _ compute: Compute
  ) -> (layer: SparseLayer<S>, pattern: SparsePattern)? {
    guard isSparse, let pattern = weight.pattern,
      let geometry = SparseGeometry(
        input: x.shape, weight: weight.shape, stride: stride, padding: padding,
        isDouble: S.self == Double.self)
    else { return nil }
    return (SparseLayer(geometry: geometry, compute: compute), pattern)
  }

  /// Returns the part of an output that belongs to an image, as a matrix `[out, places]`.
  private func image<S: NetworkScalar>(_ index: Int, of value: Value<S>) -> Matrix<S> {
    let channels = value.shape[1]
    let all = value.matrix(rows: value.shape[0] * channels)
    return all.rows(index * channels..<(index + 1) * channels)
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let columns = columns(pass.inputs[0].shape, pass.weights[0].shape)
    if let (layer, pattern) = sparse(pass.inputs[0], pass.weights[0], pass.compute) {
      try layer.forward(
        pass.inputs[0], pass.compute.whole(pass.weights[0]), pattern.kept, into: pass.output)
    } else {
      try multiply(pass, columns)
    }
    guard pass.weights.count > 1 else { return }
    let bias = try pass.compute.whole(pass.weights[1])
    let (channels, places) = (bias.count, columns.columns)
    try pass.compute.forEachRows(pass.output.shape[0] * channels, columns: places) { rows in
      let bias = bias.span
      var y = pass.output.mutableSpan
      for row in rows {
        let shift = SIMD16(repeating: bias[row % channels])
        y.add(row * places..<(row + 1) * places) { _ in shift }
      }
    }
  }

  /// Writes the output without bias, as products with the windows of each image.
  private func multiply<S: NetworkScalar>(
    _ pass: ForwardPass<S>, _ columns: ImageColumns
  ) throws {
    let weight = try pass.compute.whole(pass.weights[0]).matrix(rows: pass.weights[0].shape[0])
    try pass.compute.forEach(pass.output.shape[0]) { index in
      let scratch: Memory<S> = pass.compute.scratch(columns.rows * columns.columns)
      columns.fill(scratch, from: pass.inputs[0], at: index * columns.imageCount)
      let windows = Matrix(scratch, rows: columns.rows, columns: columns.columns)
      pass.compute.multiplyHere(weight, windows, into: image(index, of: pass.output))
    }
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    let columns = columns(pass.inputs[0].shape, pass.weights[0].shape)
    if let (layer, pattern) = sparse(pass.inputs[0], pass.weights[0], pass.compute) {
      try layer.backward(
        pass.inputs[0], pass.compute.whole(pass.weights[0]), pattern, gradient: pass.gradient,
        to: pass.inputGradients[0], pass.weightGradients[0])
    } else {
      try multiplyBack(pass, columns)
    }
    if pass.weights.count > 1, let target = pass.weightGradients[1] {
      addBiasGradient(pass.gradient, places: columns.columns, to: target)
    }
  }

  /// Adds to the gradients of input and weights, as products with the windows of each image.
  private func multiplyBack<S: NetworkScalar>(
    _ pass: BackwardPass<S>, _ columns: ImageColumns
  ) throws {
    let compute = pass.compute
    let weight = try compute.whole(pass.weights[0]).matrix(rows: pass.weights[0].shape[0])
    let size = columns.rows * columns.columns
    if let target = pass.inputGradients[0] {
      try compute.forEach(pass.gradient.shape[0]) { index in
        let scratch: Memory<S> = compute.scratch(size)
        compute.multiplyHere(
          weight.transposed, image(index, of: pass.gradient),
          into: Matrix(scratch, rows: columns.rows, columns: columns.columns))
        columns.add(scratch, to: target, at: index * columns.imageCount)
      }
    }
    if let target = pass.weightGradients[0] {
      let scratch: Memory<S> = compute.scratch(size)
      let windows = Matrix(scratch, rows: columns.rows, columns: columns.columns)
      for index in 0..<pass.gradient.shape[0] {
        columns.fill(scratch, from: pass.inputs[0], at: index * columns.imageCount)
        try compute.multiply(
          image(index, of: pass.gradient), windows.transposed, adding: true,
          into: target.matrix(rows: weight.storedRows))
      }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  private func addBiasGradient<S: NetworkScalar>(
    _ gradient: Value<S>, places: Int, to target: Value<S>
  ) {
    let source = gradient.span
    var sum = target.mutableSpan
    for row in 0..<gradient.shape[0] * target.count {
      sum[row % target.count] += source.sum(row * places..<(row + 1) * places)
    }
  }

  package static let examples = [
    OperationExample(Convolution(padding: 1), [[2, 3, 4, 5]], weights: [[4, 3, 3, 3], [4]]),
    OperationExample(Convolution(), [[1, 1, 1, 1]], weights: [[1, 1, 1, 1]]),
    OperationExample(Convolution(stride: 2, padding: 1), [[3, 2, 5, 7]], weights: [[5, 2, 3, 3]]),
    OperationExample(Convolution(padding: 1), [[2, 3, 9]], weights: [[4, 3, 3], [4]]),
  ]
}
