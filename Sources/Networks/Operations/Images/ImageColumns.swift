/// The windows of an image as the columns of a matrix, so that a convolution is a product.
///
/// Row (c, i, j) of the matrix holds, for each place of the output, the number of channel c at offset (i, j) in the
/// window; 0 outside of the image. Source: Chellapilla et al., "High performance convolutional neural networks for
/// document processing".
struct ImageColumns: Sendable {
  let channels: Int
  let height: Int
  let width: Int
  let kernel: (height: Int, width: Int)
  let stride: (height: Int, width: Int)
  let padding: (height: Int, width: Int)

  var outputHeight: Int { (height + 2 * padding.height - kernel.height) / stride.height + 1 }
  var outputWidth: Int { (width + 2 * padding.width - kernel.width) / stride.width + 1 }
  /// The sizes of the matrix.
  var rows: Int { channels * kernel.height * kernel.width }
  var columns: Int { outputHeight * outputWidth }
  /// The number of numbers in an image.
  var imageCount: Int { channels * height * width }

  /// Calls `body` with each place of the matrix and the place of its number in the image.
  @inline(__always)
  private func forEach(_ body: (_ place: Int, _ source: Int?) -> Void) {
    var place = 0
    for channel in 0..<channels {
      for i in 0..<kernel.height {
        for j in 0..<kernel.width {
          for row in 0..<outputHeight {
            let y = row * stride.height + i - padding.height
            for column in 0..<outputWidth {
              let x = column * stride.width + j - padding.width
              let isInside = (0..<height).contains(y) && (0..<width).contains(x)
              body(place, isInside ? (channel * height + y) * width + x : nil)
              place += 1
            }
          }
        }
      }
    }
  }

  /// Writes the matrix of the image that starts at `start`.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  func fill<S: NetworkScalar>(_ matrix: Memory<S>, from image: Value<S>, at start: Int) {
    let source = image.span
    var target = matrix.mutableSpan
    forEach { place, index in target[place] = index.map { source[start + $0] } ?? 0 }
  }

  /// Adds the numbers of the matrix to their places in the image that starts at `start`.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  func add<S: NetworkScalar>(_ matrix: Memory<S>, to image: Value<S>, at start: Int) {
    let source = matrix.span
    var target = image.mutableSpan
    forEach { place, index in
      if let index { target[start + index] += source[place] }
    }
  }
}
