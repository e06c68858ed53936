import Base
import TensorCore

/// The windows of images as the columns of matrices, so that a convolution is a product.
///
/// Row (c, i, j) of a matrix holds, for each place of the output, the number of channel c at offset (i, j) in the window;
/// 0 outside of the image. Images whose windows are few share a matrix, their columns one after another. Source:
/// Chellapilla et al., "High performance convolutional neural networks for document processing".
struct WindowColumns: Sendable {
  let windows: ImageWindows
  /// The number of all images, and of those that share a matrix.
  let imageCount: Int
  let groupSize: Int

  /// The numbers of a matrix, unless one image has more: products are fast, and a matrix is still in the caches.
  private static let matrixCount = 1 << 18

  /// The number of matrices, if there are as many images, so that workers share them and each needs little memory.
  private static let sharedCount = 8

  init(_ windows: ImageWindows, images: Int) {
    self.windows = windows
    imageCount = images
    groupSize = max(
      1,
      min(
        images / Self.sharedCount, Self.matrixCount / max(1, windows.depth * windows.count)))
  }

  /// The number of matrices.
  var groupCount: Int { (imageCount + groupSize - 1) / groupSize }
  /// The columns of a matrix of whole groups.
  var columnCount: Int { groupSize * windows.count }

  /// The images of a matrix.
  func images(_ group: Int) -> Range<Int> {
    group * groupSize..<min(imageCount, (group + 1) * groupSize)
  }

  // MARK: Images

  /// Returns some images of a value, shape `[images, channels, …]`, as a matrix with a row for each channel of each.
  private func matrix<S: NetworkScalar>(_ images: Range<Int>, of value: Value<S>) -> Matrix<S> {
    let channels = value.shape[1]
    return value.matrix(rows: value.shape[0] * channels)
      .rows(images.lowerBound * channels..<images.upperBound * channels)
  }

  /// Returns the only image of a group, shape `[channels, places]`; nil if the group has several.
  func onlyImage<S: NetworkScalar>(_ group: Int, of value: Value<S>) -> Matrix<S>? {
    let images = images(group)
    return images.count == 1 ? matrix(images, of: value) : nil
  }

  /// Returns the images of a group side by side, shape `[channels, images · places]`.
  func gathered<S: NetworkScalar>(
    _ value: Value<S>, _ group: Int, _ compute: Compute
  ) throws -> Matrix<S> {
    if let image = onlyImage(group, of: value) { return image }
    let images = images(group)
    let count = matrix(images, of: value).columns
    let result: Matrix<S> = compute.scratch(rows: value.shape[1], columns: images.count * count)
    for (place, image) in images.enumerated() {
      try compute.copy(
        matrix(image..<image + 1, of: value),
        to: result.columns(place * count..<(place + 1) * count))
    }
    return result
  }

  /// Copies images that lie side by side to their places, or adds them.
  func scatter<S: NetworkScalar>(
    _ source: Matrix<S>, _ group: Int, to value: Value<S>, isAdding: Bool, _ compute: Compute
  ) throws {
    let images = images(group)
    let count = source.columns / images.count
    for (place, image) in images.enumerated() {
      try compute.copy(
        source.columns(place * count..<(place + 1) * count),
        to: matrix(image..<image + 1, of: value), isAdding: isAdding)
    }
  }

  /// Clears the images of a group.
  func clear<S: NetworkScalar>(_ group: Int, of value: Value<S>) {
    let (images, size) = (images(group), windows.imageCount)
    var all = value.mutableSpan
    // SAFETY of this and the other uses of bytes: numbers have no padding.
    var target = unsafe all.mutableBytes
    var part = target._mutatingExtracting(
      bytes(images.lowerBound * size..<images.upperBound * size, S.self))
    part.fill()
  }

  // MARK: Windows

  /// Writes the windows of the images of a group.
  func fill<S: NetworkScalar>(_ matrix: Matrix<S>, _ group: Int, from value: Value<S>) {
    let source = unsafe value.span.bytes
    var all = matrix.memory.mutableSpan
    var target = unsafe all.mutableBytes
    forEachImage(group, matrix) { image, columns in
      var part = target._mutatingExtracting(bytes(columns, S.self))
      Kernels.best.fill(
        windows, of: source.extracting(bytes(image, S.self)), into: &part, pitch: matrix.stride,
        isDouble: S.self == Double.self)
    }
  }

  /// Adds the numbers of a matrix to their places in the images of a group.
  func add<S: NetworkScalar>(_ matrix: Matrix<S>, _ group: Int, to value: Value<S>) {
    let source = unsafe matrix.memory.span.bytes
    var all = value.mutableSpan
    var target = unsafe all.mutableBytes
    forEachImage(group, matrix) { image, columns in
      var part = target._mutatingExtracting(bytes(image, S.self))
      Kernels.best.add(
        windows, from: source.extracting(bytes(columns, S.self)), pitch: matrix.stride, to: &part,
        isDouble: S.self == Double.self)
    }
  }

  /// Calls `body` with the numbers of each image of a group, and with those of its part of the matrix.
  private func forEachImage<S: NetworkScalar>(
    _ group: Int, _ matrix: Matrix<S>, _ body: (_ image: Range<Int>, _ columns: Range<Int>) -> Void
  ) {
    let (size, count) = (windows.imageCount, windows.count)
    for (place, image) in images(group).enumerated() {
      let part = matrix.columns(place * count..<(place + 1) * count)
      body(image * size..<(image + 1) * size, part.elements)
    }
  }

  private func bytes<S>(_ elements: Range<Int>, _: S.Type) -> Range<Int> {
    let size = MemoryLayout<S>.stride
    return size * elements.lowerBound..<size * elements.upperBound
  }
}
