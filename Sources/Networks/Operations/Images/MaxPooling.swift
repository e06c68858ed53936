import Base
import TensorCore

/// The largest number in each window of a channel.
///
/// Input `[images, channels, height, width]`. Places around the image do not count. Of equal numbers the first one, row
/// by row, gets the gradient. Rows and columns at the end that fill no window are dropped.
package struct MaxPooling: Operation {
  package static let name = "max_pooling"

  package let kernel: Int
  package let stride: Int
  package let padding: Int
  package var setsInputGradients: Bool { true }

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

  /// Returns the windows of a channel of an image.
  private func windows(_ input: [Int]) -> ImageWindows {
    ImageWindows(
      channels: 1, height: input[2], width: input[3], kernel: (kernel, kernel),
      stride: (stride, stride), padding: (padding, padding))
  }

  /// The bytes of the numbers of a channel.
  private func bytes<S>(_ channel: Int, of count: Int, _: S.Type) -> Range<Int> {
    let size = count * MemoryLayout<S>.stride
    return channel * size..<(channel + 1) * size
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let input = pass.inputs[0].shape
    let windows = windows(input)
    try pass.compute.forEach(input[0] * input[1]) { channel in
      // SAFETY of this and the other uses of bytes: numbers have no padding.
      let x = unsafe pass.input(0).bytes
      var y = pass.output.mutableSpan
      var all = unsafe y.mutableBytes
      var target = all._mutatingExtracting(bytes(channel, of: windows.count, S.self))
      Kernels.best.largest(
        in: windows, of: x.extracting(bytes(channel, of: windows.imageCount, S.self)),
        into: &target, isDouble: S.self == Double.self)
    }
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    guard let target = pass.inputGradients[0] else { return }
    let input = pass.inputs[0].shape
    let windows = windows(input)
    try pass.compute.forEach(input[0] * input[1]) { channel in
      let (x, gradient) = unsafe (pass.input(0).bytes, pass.gradient.span.bytes)
      var dx = target.mutableSpan
      var all = unsafe dx.mutableBytes
      let image = bytes(channel, of: windows.imageCount, S.self)
      var sums = all._mutatingExtracting(image)
      if pass.areNew[0] { sums.fill() }
      Kernels.best.addToLargest(
        in: windows, of: x.extracting(image),
        gradient.extracting(bytes(channel, of: windows.count, S.self)), to: &sums,
        isDouble: S.self == Double.self)
    }
  }

  package static let examples = [
    OperationExample(MaxPooling(kernel: 2, stride: 2), [[2, 3, 4, 6]]),
    OperationExample(MaxPooling(kernel: 1, stride: 1), [[1, 1, 1, 1]]),
    OperationExample(MaxPooling(kernel: 3, stride: 2, padding: 1), [[2, 2, 5, 7]]),
  ]
}
