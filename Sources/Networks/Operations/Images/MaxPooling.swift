/// The largest number in each window of a channel.
///
/// Input `[images, channels, height, width]`. Places around the image do not count. Of equal numbers the first one, row
/// by row, gets the gradient. Rows and columns at the end that fill no window are dropped.
package struct MaxPooling: Operation {
  package static let name = "max_pooling"

  package let kernel: Int
  package let stride: Int
  package let padding: Int

  package init(kernel: Int, stride: Int, padding: Int = 0) {
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
  }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.isEmpty, inputs[0].count == 4, kernel > 0, stride > 0,
      padding >= 0, padding < kernel, inputs[0].suffix(2).allSatisfy({ $0 + 2 * padding >= kernel })
    else {
      throw ShapeFault(Self.name, "expected x [n, channels, height, width]", inputs, weights)
    }
    return inputs[0].prefix(2)
      + inputs[0].suffix(2).map { ($0 + 2 * padding - kernel) / stride + 1 }
  }

  /// Calls `body` with each place of the output of a channel and the place of its largest number.
  @inline(__always)
  private func forEachLargest<S: NetworkScalar>(
    _ x: Span<S>, channel: Int, _ input: [Int], _ output: [Int], _ body: (Int, Int) -> Void
  ) {
    let (height, width) = (input[2], input[3])
    var place = channel * output[2] * output[3]
    for row in 0..<output[2] {
      let rows = max(0, row * stride - padding)..<min(height, row * stride - padding + kernel)
      for column in 0..<output[3] {
        let start = column * stride - padding
        let columns = max(0, start)..<min(width, start + kernel)
        var best = (channel * height + rows.lowerBound) * width + columns.lowerBound
        for y in rows {
          for x0 in columns {
            let index = (channel * height + y) * width + x0
            if x[index] > x[best] || x[index].isNaN && !x[best].isNaN { best = index }
          }
        }
        body(place, best)
        place += 1
      }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let (input, output) = (pass.inputs[0].shape, pass.output.shape)
    try pass.compute.forEach(input[0] * input[1]) { channel in
      let x = pass.input(0)
      var y = pass.output.mutableSpan
      forEachLargest(x, channel: channel, input, output) { y[$0] = x[$1] }
    }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let target = pass.inputGradients[0] else { return }
    let (input, output) = (pass.inputs[0].shape, pass.output.shape)
    try pass.compute.forEach(input[0] * input[1]) { channel in
      let (x, gradient) = (pass.input(0), pass.gradient.span)
      var dx = target.mutableSpan
      forEachLargest(x, channel: channel, input, output) { dx[$1] += gradient[$0] }
    }
  }

  package static let examples = [
    OperationExample(MaxPooling(kernel: 2, stride: 2), [[2, 3, 4, 6]]),
    OperationExample(MaxPooling(kernel: 1, stride: 1), [[1, 1, 1, 1]]),
    OperationExample(MaxPooling(kernel: 3, stride: 2, padding: 1), [[2, 2, 5, 7]]),
  ]
}
