/// The mean of each window of a channel.
///
/// Input `[images, channels, height, width]`. Rows and columns at the end that fill no window are dropped.
package struct AveragePooling: Operation {
  package static let name = "average_pooling"

  /// The size of the windows and their distance; nil for one window that is the whole channel.
  package let kernel: Int?

  /// A mean of the whole channel reaches every number.
  package var setsInputGradients: Bool { kernel == nil }

  package init(kernel: Int?) { self.kernel = kernel }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.isEmpty, inputs[0].count == 4, kernel ?? 1 > 0,
      inputs[0].suffix(2).allSatisfy({ $0 >= kernel ?? 1 })
    else {
      throw ShapeFault(Self.name, "expected x [n, channels, height, width]", inputs, weights)
    }
    guard let kernel else { return Array(inputs[0].prefix(2)) }
    return inputs[0].prefix(2) + inputs[0].suffix(2).map { $0 / kernel }
  }

  /// Calls `body` with each place of the output of a channel and the ranges of a row that belong to it.
  @inline(__always)
  private func forEachRange(
    channel: Int, _ input: [Int], _ body: (_ place: Int, _ range: Range<Int>) -> Void
  ) {
    let (height, width) = (input[2], input[3])
    guard let kernel else {
      return body(channel, channel * height * width..<(channel + 1) * height * width)
    }
    let (rows, columns) = (height / kernel, width / kernel)
    for row in 0..<rows * kernel {
      for column in 0..<columns {
        let start = (channel * height + row) * width + column * kernel
        body((channel * rows + row / kernel) * columns + column, start..<start + kernel)
      }
    }
  }

  private func size(_ input: [Int]) -> Int { kernel.map { $0 * $0 } ?? input[2] * input[3] }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let input = pass.inputs[0].shape
    let size = S(size(input))
    let places = pass.output.count / max(1, input[0] * input[1])
    try pass.compute.forEach(input[0] * input[1]) { channel in
      let x = pass.input(0)
      var y = pass.output.mutableSpan
      y.fill(channel * places..<(channel + 1) * places) { _ in SIMD16(repeating: 0) }
      forEachRange(channel: channel, input) { place, range in y[place] += x.sum(range) / size }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let target = pass.inputGradients[0] else { return }
    let input = target.shape
    let size = S(size(input))
    try pass.compute.forEach(input[0] * input[1]) { channel in
      let gradient = pass.gradient.span
      var dx = target.mutableSpan
      forEachRange(channel: channel, input) { place, range in
        let share = SIMD16(repeating: gradient[place] / size)
        dx.update(range, isAdding: !pass.areNew[0]) { _ in share }
      }
    }
  }

  package static let examples = [
    OperationExample(AveragePooling(kernel: 2), [[2, 3, 4, 6]]),
    OperationExample(AveragePooling(kernel: 1), [[1, 1, 1, 1]]),
    OperationExample(AveragePooling(kernel: 3), [[2, 2, 5, 7]]),
    OperationExample(AveragePooling(kernel: nil), [[2, 3, 5, 7]]),
  ]
}
