import CKernels

/// The windows of an image `[channels, height, width]` that is surrounded by zeros; see `sumac_windows`.
package struct ImageWindows: Sendable {
  package let channels: Int
  package let height: Int
  package let width: Int
  package let kernel: (height: Int, width: Int)
  package let stride: (height: Int, width: Int)
  package let padding: (height: Int, width: Int)

  /// - Parameters:
  ///   - kernel: The size of a window, not larger than the image with its padding.
  ///   - stride: The distance of two windows, at least 1.
  ///   - padding: The number of zeros on each side.
  package init(
    channels: Int, height: Int, width: Int, kernel: (height: Int, width: Int),
    stride: (height: Int, width: Int), padding: (height: Int, width: Int)
  ) {
    precondition(channels >= 0 && min(height, width, padding.height, padding.width) >= 0)
    precondition(min(kernel.height, kernel.width, stride.height, stride.width) > 0)
    precondition(kernel.height <= height + 2 * padding.height)
    precondition(kernel.width <= width + 2 * padding.width)
    (self.channels, self.height, self.width) = (channels, height, width)
    (self.kernel, self.stride, self.padding) = (kernel, stride, padding)
  }

  package var outputHeight: Int {
    (height + 2 * padding.height - kernel.height) / stride.height + 1
  }
  package var outputWidth: Int { (width + 2 * padding.width - kernel.width) / stride.width + 1 }
  /// The number of windows in a channel.
  package var count: Int { outputHeight * outputWidth }
  /// The number of places in the windows of all channels at one place of the output.
  package var depth: Int { channels * kernel.height * kernel.width }
  /// The number of values in an image.
  package var imageCount: Int { channels * height * width }

  fileprivate var forKernels: sumac_windows {
    sumac_windows(
      channels: channels, height: height, width: width, kernel_height: kernel.height,
      kernel_width: kernel.width, stride_height: stride.height, stride_width: stride.width,
      padding_height: padding.height, padding_width: padding.width, output_height: outputHeight,
      output_width: outputWidth)
  }
}

/// Kernels for windows of an image. Values are F32, or F64 if `isDouble`.
extension Kernels {
  /// Writes the windows of an image as the columns of a matrix, shape `[depth, count]`.
  ///
  /// - Parameter pitch: The number of values from one row of the matrix to the next.
  @_lifetime(matrix: copy matrix)
  package func fill(
    _ windows: ImageWindows, of image: borrowing RawSpan, into matrix: inout MutableRawSpan,
    pitch: Int, isDouble: Bool
  ) {
    let size = isDouble ? 8 : 4
    check(windows, image.byteCount / size, matrix.byteCount / size, pitch)
    var layout = windows.forKernels
    // SAFETY of this and the following: the preconditions cover everything that the loops read and write.
    unsafe matrix.withUnsafeMutableBytes { matrix in
      unsafe image.withUnsafeBytes { image in
        let function =
          unsafe isDouble ? table.pointee.fill_windows_f64 : table.pointee.fill_windows_f32
        unsafe function(&layout, image.baseAddress, matrix.baseAddress, pitch)
      }
    }
  }

  /// Adds the numbers of a matrix of windows to their places in an image.
  @_lifetime(image: copy image)
  package func add(
    _ windows: ImageWindows, from matrix: borrowing RawSpan, pitch: Int,
    to image: inout MutableRawSpan, isDouble: Bool
  ) {
    let size = isDouble ? 8 : 4
    check(windows, image.byteCount / size, matrix.byteCount / size, pitch)
    var layout = windows.forKernels
    unsafe image.withUnsafeMutableBytes { image in
      unsafe matrix.withUnsafeBytes { matrix in
        let function =
          unsafe isDouble ? table.pointee.add_windows_f64 : table.pointee.add_windows_f32
        unsafe function(&layout, matrix.baseAddress, pitch, image.baseAddress)
      }
    }
  }

  private func check(_ windows: ImageWindows, _ imageCount: Int, _ matrixCount: Int, _ pitch: Int) {
    precondition(imageCount >= windows.imageCount && pitch >= windows.count)
    precondition(
      windows.depth == 0 || matrixCount >= (windows.depth - 1) * pitch + windows.count)
  }

  /// Computes the largest number in each window of each channel. Each window must have a place inside of the image.
  @_lifetime(results: copy results)
  package func largest(
    in windows: ImageWindows, of image: borrowing RawSpan, into results: inout MutableRawSpan,
    isDouble: Bool
  ) {
    let size = isDouble ? 8 : 4
    precondition(image.byteCount >= size * windows.imageCount && windows.areInside)
    precondition(results.byteCount >= size * windows.channels * windows.count)
    var layout = windows.forKernels
    unsafe results.withUnsafeMutableBytes { results in
      unsafe image.withUnsafeBytes { image in
        let function =
          unsafe isDouble
          ? table.pointee.largest_in_windows_f64 : table.pointee.largest_in_windows_f32
        unsafe function(&layout, image.baseAddress, results.baseAddress)
      }
    }
  }

  /// Adds a term for each window to the sum at the place of its largest number, the first of equal ones.
  @_lifetime(sums: copy sums)
  package func addToLargest(
    in windows: ImageWindows, of image: borrowing RawSpan, _ terms: borrowing RawSpan,
    to sums: inout MutableRawSpan, isDouble: Bool
  ) {
    let size = isDouble ? 8 : 4
    precondition(image.byteCount >= size * windows.imageCount && windows.areInside)
    precondition(terms.byteCount >= size * windows.channels * windows.count)
    precondition(sums.byteCount >= size * windows.imageCount)
    var layout = windows.forKernels
    unsafe sums.withUnsafeMutableBytes { sums in
      unsafe image.withUnsafeBytes { image in
        unsafe terms.withUnsafeBytes { terms in
          let function =
            unsafe isDouble ? table.pointee.add_to_largest_f64 : table.pointee.add_to_largest_f32
          unsafe function(&layout, image.baseAddress, terms.baseAddress, sums.baseAddress)
        }
      }
    }
  }
}

extension ImageWindows {
  /// True if each window has a place inside of the image.
  fileprivate var areInside: Bool {
    height > 0 && width > 0 && padding.height < kernel.height && padding.width < kernel.width
  }
}
