import TensorCore

/// The embeddings of square patches: each patch of an image times a matrix.
///
/// Input `[images, channels, height, width]`; weight `[dim, channels, patch, patch]`; output `[images · patches, dim]`,
/// the patches of an image row by row. Numbers beyond the last whole patch do not count.
/// Source: Dosovitskiy et al., "An image is worth 16x16 words", equation (1).
package struct PatchEmbedding: Operation {
  package static let name = "patch_embedding"

  package init() {}

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.count == 1, inputs[0].count == 4, weights[0].count == 4,
      inputs[0][1] == weights[0][1], weights[0][2] == weights[0][3], weights[0][2] > 0,
      inputs[0][2] >= weights[0][2], inputs[0][3] >= weights[0][2]
    else {
      throw ShapeFault(
        Self.name, "expected x [n, channels, height, width], w [dim, channels, p, p]", inputs,
        weights)
    }
    return [inputs[0][0] * columns(inputs[0], weights[0]).windows.count, weights[0][0]]
  }

  private func columns(_ input: [Int], _ weight: [Int]) -> WindowColumns {
    let patch = (weight[2], weight[2])
    return WindowColumns(
      ImageWindows(
        channels: input[1], height: input[2], width: input[3], kernel: patch, stride: patch,
        padding: (0, 0)), images: input[0])
  }

  package func scratchCount(
    inputs: [[Int]], weights: [[Int]], isBackward: Bool, jobs: Int
  ) -> Int {
    let columns = columns(inputs[0], weights[0])
    return min(jobs, columns.groupCount) * columns.windows.depth * columns.columnCount
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let columns = columns(pass.inputs[0].shape, pass.weights[0].shape)
    let weight = try pass.compute.whole(pass.weights[0]).matrix(rows: pass.weights[0].shape[0])
    try pass.compute.forEach(columns.groupCount) { group in
      let rows = Self.rows(columns, group)
      let windows: Matrix<S> = pass.compute.scratch(
        rows: columns.windows.depth, columns: rows.count)
      columns.fill(windows, group, from: pass.inputs[0])
      pass.compute.multiplyHere(
        windows.transposed, weight.transposed, into: pass.output.matrix().rows(rows))
    }
  }

  /// The rows of the output of a group of images.
  private static func rows(_ columns: WindowColumns, _ group: Int) -> Range<Int> {
    let (images, count) = (columns.images(group), columns.windows.count)
    return images.lowerBound * count..<images.upperBound * count
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    let compute = pass.compute
    let columns = columns(pass.inputs[0].shape, pass.weights[0].shape)
    let weight = try compute.whole(pass.weights[0]).matrix(rows: pass.weights[0].shape[0])
    for group in 0..<columns.groupCount {
      let rows = Self.rows(columns, group)
      let windows: Matrix<S> = compute.scratch(rows: columns.windows.depth, columns: rows.count)
      let gradient = pass.gradient.matrix().rows(rows)
      if let target = pass.weightGradients[0] {
        columns.fill(windows, group, from: pass.inputs[0])
        try compute.multiply(
          gradient.transposed, windows.transposed, adding: true,
          into: target.matrix(rows: weight.storedRows))
      }
      if let target = pass.inputGradients[0] {
        try compute.multiply(weight.transposed, gradient.transposed, into: windows)
        columns.add(windows, group, to: target)
      }
    }
  }

  package static let examples = [
    OperationExample(PatchEmbedding(), [[2, 3, 4, 4]], weights: [[6, 3, 2, 2]]),
    OperationExample(PatchEmbedding(), [[1, 1, 1, 1]], weights: [[1, 1, 1, 1]]),
    OperationExample(PatchEmbedding(), [[2, 1, 7, 9]], weights: [[5, 1, 3, 3]]),
  ]
}
