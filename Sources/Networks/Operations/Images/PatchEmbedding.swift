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
    return [inputs[0][0] * columns(inputs[0], weights[0]).columns, weights[0][0]]
  }

  private func columns(_ input: [Int], _ weight: [Int]) -> ImageColumns {
    let patch = (weight[2], weight[2])
    return ImageColumns(
      channels: input[1], height: input[2], width: input[3], kernel: patch, stride: patch,
      padding: (0, 0))
  }

  package func scratchCount(
    inputs: [[Int]], weights: [[Int]], isBackward: Bool, jobs: Int
  ) -> Int {
    let columns = columns(inputs[0], weights[0])
    return jobs * columns.rows * columns.columns
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let columns = columns(pass.inputs[0].shape, pass.weights[0].shape)
    let weight = try pass.compute.whole(pass.weights[0]).matrix(rows: pass.weights[0].shape[0])
    let places = columns.columns
    try pass.compute.forEach(pass.inputs[0].shape[0]) { index in
      let scratch: Memory<S> = pass.compute.scratch(columns.rows * places)
      columns.fill(scratch, from: pass.inputs[0], at: index * columns.imageCount)
      pass.compute.multiplyHere(
        Matrix(scratch, rows: columns.rows, columns: places).transposed, weight.transposed,
        into: pass.output.matrix().rows(index * places..<(index + 1) * places))
    }
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    let compute = pass.compute
    let columns = columns(pass.inputs[0].shape, pass.weights[0].shape)
    let weight = try compute.whole(pass.weights[0]).matrix(rows: pass.weights[0].shape[0])
    let (places, size) = (columns.columns, columns.rows * columns.columns)
    func gradient(_ index: Int) -> Matrix<S> {
      pass.gradient.matrix().rows(index * places..<(index + 1) * places)
    }
    if let target = pass.inputGradients[0] {
      for index in 0..<pass.inputs[0].shape[0] {
        let scratch: Memory<S> = compute.scratch(size)
        try compute.multiply(
          weight.transposed, gradient(index).transposed,
          into: Matrix(scratch, rows: columns.rows, columns: places))
        columns.add(scratch, to: target, at: index * columns.imageCount)
      }
    }
    if let target = pass.weightGradients[0] {
      let scratch: Memory<S> = compute.scratch(size)
      let windows = Matrix(scratch, rows: columns.rows, columns: places)
      for index in 0..<pass.inputs[0].shape[0] {
        columns.fill(scratch, from: pass.inputs[0], at: index * columns.imageCount)
        try compute.multiply(
          gradient(index).transposed, windows.transposed, adding: true,
          into: target.matrix(rows: weight.storedRows))
      }
    }
  }

  package static let examples = [
    OperationExample(PatchEmbedding(), [[2, 3, 4, 4]], weights: [[6, 3, 2, 2]]),
    OperationExample(PatchEmbedding(), [[1, 1, 1, 1]], weights: [[1, 1, 1, 1]]),
    OperationExample(PatchEmbedding(), [[2, 1, 7, 9]], weights: [[5, 1, 3, 3]]),
  ]
}
