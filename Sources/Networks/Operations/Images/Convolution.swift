import TensorCore

/// A convolution with zeros around the image: y[n, o] = Σ_c w[o, c] ∗ x[n, c] + b[o].
///
/// Input `[images, in, height, width]`, or `[sequences, in, length]`; weights w `[out, in, kernel…]` and, if there is
/// one, b `[out]`; output `[images, out, …]`.
/// - Complexity: O(images · out · in · kernel · places) time; each worker needs memory for the windows of an image,
///   `in · kernel · places` numbers, or for those of several small ones.
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
    let windows = columns(inputs[0], weights[0]).windows
    return [inputs[0][0], weights[0][0]]
      + (inputs[0].count == 4 ? [windows.outputHeight] : []) + [windows.outputWidth]
  }

  /// Returns the windows of all images; a sequence is an image of height 1.
  private func columns(_ input: [Int], _ weight: [Int]) -> WindowColumns {
    let isImage = input.count == 4
    let windows = ImageWindows(
      channels: input[1], height: isImage ? input[2] : 1, width: input[input.count - 1],
      kernel: (isImage ? weight[2] : 1, weight[weight.count - 1]),
      stride: (isImage ? stride : 1, stride), padding: (isImage ? padding : 0, padding))
    return WindowColumns(windows, images: input[0])
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
    if let sparse { return sparse.scratchCount(isBackward: isBackward) }
    let worker = (columns.windows.depth + weights[0][0]) * columns.columnCount
    let sums = isBackward ? Self.parts(columns).count * weights[0].reduce(1, *) : 0
    return min(jobs, columns.groupCount) * worker + sums
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

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    if let (layer, pattern) = sparse(pass.inputs[0], pass.weights[0], pass.compute) {
      try layer.forward(
        pass.inputs[0], pass.compute.whole(pass.weights[0]), pattern.kept, into: pass.output)
    } else {
      try multiply(pass, columns(pass.inputs[0].shape, pass.weights[0].shape))
    }
    guard pass.weights.count > 1 else { return }
    try pass.compute.addChannels(pass.compute.whole(pass.weights[1]), to: pass.output)
  }

  /// Writes the output without bias, as products with the windows of each group of images.
  private func multiply<S: NetworkScalar>(
    _ pass: ForwardPass<S>, _ columns: WindowColumns
  ) throws {
    let compute = pass.compute
    let weight = try compute.whole(pass.weights[0]).matrix(rows: pass.weights[0].shape[0])
    try compute.forEach(columns.groupCount) { group in
      let count = columns.images(group).count * columns.windows.count
      let windows: Matrix<S> = compute.scratch(rows: columns.windows.depth, columns: count)
      let product: Matrix<S> = compute.scratch(rows: weight.rows, columns: count)
      columns.fill(windows, group, from: pass.inputs[0])
      compute.multiplyHere(weight, windows, into: product)
      try forEachImage(columns, group, pass.output, product) { image, part in
        try compute.copy(part, to: image)
      }
    }
  }

  /// Calls `body` with the part of an output that belongs to each image of a group, as a matrix `[out, places]`, and with
  /// its columns in a matrix of the group.
  private func forEachImage<S: NetworkScalar>(
    _ columns: WindowColumns, _ group: Int, _ value: Value<S>, _ matrix: Matrix<S>,
    _ body: (_ image: Matrix<S>, _ part: Matrix<S>) throws -> Void
  ) throws {
    let (channels, count) = (value.shape[1], columns.windows.count)
    let all = Matrix(value.memory, rows: value.shape[0] * channels, columns: count)
    for (place, image) in columns.images(group).enumerated() {
      try body(
        all.rows(image * channels..<(image + 1) * channels),
        matrix.columns(place * count..<(place + 1) * count))
    }
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    if let (layer, pattern) = sparse(pass.inputs[0], pass.weights[0], pass.compute) {
      try layer.backward(
        pass.inputs[0], pass.compute.whole(pass.weights[0]), pattern, gradient: pass.gradient,
        to: pass.inputGradients[0], pass.weightGradients[0])
    } else {
      try multiplyBack(pass, columns(pass.inputs[0].shape, pass.weights[0].shape))
    }
    if pass.weights.count > 1, let target = pass.weightGradients[1] {
      try pass.compute.addChannelSums(of: pass.gradient, to: target)
    }
  }

  /// The number of sums of weight gradients that workers form at the same time.
  private static let partCount = 8

  /// Adds to the gradients of input and weights, as products with the windows of each group of images.
  ///
  /// The groups are cut into parts. Those of a part add to one gradient of the weights, in order, and the gradients of the
  /// parts are added in order.
  private func multiplyBack<S: NetworkScalar>(
    _ pass: BackwardPass<S>, _ columns: WindowColumns
  ) throws {
    let compute = pass.compute
    let parts = Self.parts(columns)
    let rows = pass.weights[0].shape[0]
    let weight = try compute.whole(pass.weights[0]).matrix(rows: rows)
    let sums: Matrix<S>? = pass.weightGradients[0].map { _ in
      compute.scratch(rows: parts.count * rows, columns: weight.columns)
    }
    try compute.forEach(parts.count) { part in
      for group in parts[part] {
        let count = columns.images(group).count * columns.windows.count
        let windows: Matrix<S> = compute.scratch(rows: columns.windows.depth, columns: count)
        let gradient: Matrix<S> = compute.scratch(rows: rows, columns: count)
        try forEachImage(columns, group, pass.gradient, gradient) { image, part in
          try compute.copy(image, to: part)
        }
        if let sum = sums?.rows(part * rows..<(part + 1) * rows) {
          columns.fill(windows, group, from: pass.inputs[0])
          compute.multiplyHere(
            gradient, windows.transposed, adding: group > parts[part].lowerBound, into: sum)
        }
        if let target = pass.inputGradients[0] {
          compute.multiplyHere(weight.transposed, gradient, into: windows)
          columns.add(windows, group, to: target)
        }
      }
    }
    if let sums, let target = pass.weightGradients[0] {
      try compute.addParts(of: sums.memory, to: target)
    }
  }

  /// The groups of each part; none is empty.
  private static func parts(_ columns: WindowColumns) -> [Range<Int>] {
    let groups = columns.groupCount
    let count = min(groups, partCount)
    return (0..<count).map { $0 * groups / count..<($0 + 1) * groups / count }
  }

  package static let examples = [
    OperationExample(Convolution(padding: 1), [[2, 3, 4, 5]], weights: [[4, 3, 3, 3], [4]]),
    OperationExample(Convolution(), [[1, 1, 1, 1]], weights: [[1, 1, 1, 1]]),
    OperationExample(Convolution(stride: 2, padding: 1), [[3, 2, 5, 7]], weights: [[5, 2, 3, 3]]),
    OperationExample(Convolution(padding: 1), [[2, 3, 9]], weights: [[4, 3, 3], [4]]),
  ]
}
