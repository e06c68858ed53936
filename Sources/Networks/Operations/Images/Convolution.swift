import TensorCore

/// A convolution with zeros around the image: y[n, o] = Σ_c w[o, c] ∗ x[n, c] + b[o].
///
/// Input `[images, in, height, width]`, or `[sequences, in, length]`; weights w `[out, in, kernel…]` and, if there is
/// one, b `[out]`; output `[images, out, …]`.
/// - Complexity: O(images · out · in · kernel · places) time; each worker needs memory for the windows of an image,
///   `in · kernel · places` numbers, or for those of several small ones.
package struct Convolution: Operation {
  package static let name = "convolution"
  package var setsInputGradients: Bool { true }

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
    columns(channels: input[1], input, weight)
  }

  private func columns(channels: Int, _ input: [Int], _ weight: [Int]) -> WindowColumns {
    let isImage = input.count == 4
    let windows = ImageWindows(
      channels: channels, height: isImage ? input[2] : 1, width: input[input.count - 1],
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
    if let sparse {
      return sparse.scratchCount(of: inputs[0][0], isBackward: isBackward, jobs: jobs)
    }
    let count = weights[0].reduce(1, *)
    func scratch(_ columns: WindowColumns, rows: Int) -> Int {
      min(jobs, columns.groupCount) * (columns.windows.depth + rows) * columns.columnCount
        + (isBackward ? Self.parts(columns).count * count : 0)
    }
    let plain = scratch(columns, rows: weights[0][0])
    guard isBackward, let mirrored = gradientColumns(inputs[0], weights[0]) else { return plain }
    return max(plain, scratch(mirrored, rows: 2 * weights[0][1]) + 2 * count)
  }

  /// Returns the windows of the gradient of the output, from which both gradients can be computed; nil if the size changes
  /// or if they are many more than those of the input.
  private func gradientColumns(_ input: [Int], _ weight: [Int]) -> WindowColumns? {
    guard stride == 1, weight.dropFirst(2).allSatisfy({ $0 == 2 * padding + 1 }),
      weight[0] <= 2 * weight[1]
    else { return nil }
    return columns(channels: weight[0], input, weight)
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
      columns.fill(windows, group, from: pass.inputs[0])
      if let image = columns.onlyImage(group, of: pass.output) {
        return compute.multiplyHere(weight, windows, into: image)
      }
      let product: Matrix<S> = compute.scratch(rows: weight.rows, columns: count)
      compute.multiplyHere(weight, windows, into: product)
      try columns.scatter(product, group, to: pass.output, isAdding: false, compute)
    }
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    if let (layer, pattern) = sparse(pass.inputs[0], pass.weights[0], pass.compute) {
      try layer.backward(
        pass.inputs[0], pass.compute.whole(pass.weights[0]), pattern, gradient: pass.gradient,
        to: pass.inputGradients[0], isNew: pass.areNew[0], pass.weightGradients[0])
    } else if let target = pass.inputGradients[0],
      let columns = gradientColumns(pass.inputs[0].shape, pass.weights[0].shape)
    {
      try multiplyMirrored(pass, columns, to: target)
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
        let gradient = try columns.gathered(pass.gradient, group, compute)
        if let sum = sums?.rows(part * rows..<(part + 1) * rows) {
          columns.fill(windows, group, from: pass.inputs[0])
          compute.multiplyHere(
            gradient, windows.transposed, adding: group > parts[part].lowerBound, into: sum)
        }
        if let target = pass.inputGradients[0] {
          compute.multiplyHere(weight.transposed, gradient, into: windows)
          if pass.areNew[0] { columns.clear(group, of: target) }
          columns.add(windows, group, to: target)
        }
      }
    }
    if let sums, let target = pass.weightGradients[0] {
      try compute.addParts(of: sums.memory, to: target)
    }
  }

  /// Computes the gradients of input and weights as products with the windows of the gradient, for a convolution that keeps
  /// the size: dx = w′ ∗ g and dw′ = x ∗ g, where w′ is w with inputs and outputs exchanged and the kernels turned around.
  private func multiplyMirrored<S: NetworkScalar>(
    _ pass: BackwardPass<S>, _ columns: WindowColumns, to target: Value<S>
  ) throws {
    let compute = pass.compute
    let parts = Self.parts(columns)
    let weight = MirroredWeight(pass.weights[0].shape)
    let matrix: Matrix<S> = compute.scratch(rows: weight.inputs, columns: columns.windows.depth)
    try weight.mirror(compute.whole(pass.weights[0]), into: matrix.memory)
    let sums: Matrix<S>? = pass.weightGradients[0].map { _ in
      compute.scratch(rows: parts.count * weight.inputs, columns: matrix.columns)
    }
    try compute.forEach(parts.count) { part in
      for group in parts[part] {
        let count = columns.images(group).count * columns.windows.count
        let windows: Matrix<S> = compute.scratch(rows: columns.windows.depth, columns: count)
        columns.fill(windows, group, from: pass.gradient)
        if let sum = sums?.rows(part * weight.inputs..<(part + 1) * weight.inputs) {
          compute.multiplyHere(
            try columns.gathered(pass.inputs[0], group, compute), windows.transposed,
            adding: group > parts[part].lowerBound, into: sum)
        }
        if let image = columns.onlyImage(group, of: target) {
          compute.multiplyHere(matrix, windows, adding: !pass.areNew[0], into: image)
        } else {
          let product: Matrix<S> = compute.scratch(rows: weight.inputs, columns: count)
          compute.multiplyHere(matrix, windows, into: product)
          try columns.scatter(product, group, to: target, isAdding: !pass.areNew[0], compute)
        }
      }
    }
    guard let sums, let target = pass.weightGradients[0] else { return }
    let total = Value<S>(target.shape, isZero: true, in: compute.arena)
    try compute.addParts(of: sums.memory, to: total)
    weight.addMirrored(total.memory, to: target)
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
