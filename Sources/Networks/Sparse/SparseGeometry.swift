import TensorCore

/// The sizes of a sparse layer: a convolution with a square kernel, or a linear layer, whose images have one place.
///
/// Images lie in planes with zeros around them, all images of a group one after another. The input of a weight is then
/// the same vector for all places of the output, shifted by a distance that depends on the weight alone. With stride 1,
/// the zeros after a row or an image are those before the next one. With a larger stride, a channel has a plane for each
/// pair of remainders of its places.
struct SparseGeometry: Hashable, Sendable {
  /// The number of images that are computed together, so that their planes stay in the caches.
  let images: Int
  let inputs: Int
  let outputs: Int
  let height: Int
  let width: Int
  let kernel: Int
  let stride: Int
  let padding: Int

  /// The sizes of the output of an image.
  let outputHeight: Int
  let outputWidth: Int
  /// The elements from one row of a plane to the next, and the rows of an image.
  let pitch: Int
  private let rowCount: Int
  /// The elements of a plane of a whole group that are computed, in whole blocks of `block` elements.
  let elementCount: Int
  private let block: Int
  /// The elements before the first image in the planes of the input and of the gradient of the output.
  private let inputLead: Int
  let gradientLead: Int
  private let inputPitch: Int
  let gradientPitch: Int

  /// Creates the sizes of a linear layer.
  init?(rows: Int, inputs: Int, outputs: Int, isDouble: Bool) {
    self.init(
      input: [rows, inputs, 1, 1], weight: [outputs, inputs, 1, 1], stride: 1, padding: 0,
      isDouble: isDouble)
  }

  /// Creates the sizes of a convolution.
  /// - Parameters:
  ///   - input: The shape `[images, in, height, width]`.
  ///   - weight: The shape `[out, in, kernel, kernel]`.
  /// - Returns: nil if the kernel is not square, if a convolution with stride 1 changes the size, or if planes have more
  ///   elements than 32 bits count.
  init?(input: [Int], weight: [Int], stride: Int, padding: Int, isDouble: Bool) {
    guard input.count == 4, weight.count == 4, weight[2] == weight[3], !input.contains(0),
      stride > 1 || weight[2] == 2 * padding + 1
    else { return nil }
    (inputs, height, width) = (input[1], input[2], input[3])
    (outputs, kernel) = (weight[0], weight[2])
    (self.stride, self.padding) = (stride, padding)
    outputHeight = (height + 2 * padding - kernel) / stride + 1
    outputWidth = (width + 2 * padding - kernel) / stride + 1
    // The distance of a place to the farthest one that its output reads, in rows or columns of a plane.
    let reach = stride == 1 ? padding : (kernel - 1) / stride
    pitch = outputWidth + reach
    rowCount = outputHeight + reach
    let lead = reach * pitch + reach
    inputLead = stride == 1 ? lead : 0
    gradientLead = lead
    block = Kernels.rowBlock(isDouble: isDouble)
    images = Self.groupSize(
      of: input[0], elements: rowCount * pitch, block: block,
      planes: inputs * stride * stride + outputs)
    elementCount = (images * rowCount * pitch + block - 1) / block * block
    inputPitch = inputLead + elementCount + lead
    gradientPitch = lead + elementCount + inputLead
    guard inputs * stride * stride * inputPitch < 1 << 32, outputs * gradientPitch < 1 << 32 else {
      return nil
    }
  }

  /// The numbers in the planes of input and output of a group, unless one image has more.
  private static let planeNumberCount = 1 << 16

  /// Returns the smallest size of groups with which the fewest elements are computed to fill blocks.
  private static func groupSize(
    of images: Int, elements: Int, block: Int, planes: Int
  ) -> Int {
    let largest = min(images, max(1, planeNumberCount / (elements * planes)))
    var best = (size: 1, blocks: Int.max)
    for size in 1...largest {
      let (groups, rest) = images.quotientAndRemainder(dividingBy: size)
      let blocks =
        groups * ((size * elements + block - 1) / block) + (rest * elements + block - 1) / block
      if blocks < best.blocks { best = (size, blocks) }
    }
    return best.size
  }

  /// The elements of a plane that are computed for the images of a group.
  func elementCount(_ images: Int) -> Int {
    (images * rowCount * pitch + block - 1) / block * block
  }

  /// The planes of the input of the images of a group.
  func inputPlanes(_ images: Int) -> PlaneLayout {
    planes(images, inputs, height, width, inputLead, inputPitch, stride)
  }
  /// The planes of the gradient of the input, without room before the first image.
  func inputGradientPlanes(_ images: Int) -> PlaneLayout {
    planes(images, inputs, height, width, 0, elementCount, stride)
  }
  /// The planes of the output, without room before the first image.
  func outputPlanes(_ images: Int) -> PlaneLayout {
    planes(images, outputs, outputHeight, outputWidth, 0, elementCount, 1)
  }
  /// The planes of the gradient of the output.
  func gradientPlanes(_ images: Int) -> PlaneLayout {
    planes(images, outputs, outputHeight, outputWidth, gradientLead, gradientPitch, 1)
  }

  private func planes(
    _ images: Int, _ channels: Int, _ height: Int, _ width: Int, _ lead: Int, _ channelPitch: Int,
    _ stride: Int
  ) -> PlaneLayout {
    var layout = PlaneLayout(
      images: images, channels: channels, height: height, width: width, pitch: pitch,
      rows: rowCount, lead: lead, channelPitch: channelPitch)
    if stride > 1 { (layout.stride, layout.padding) = (stride, padding) }
    return layout
  }

  /// The numbers of all planes and weights of a pass over some images, for the memory that it needs.
  func scratchCount(of count: Int, isBackward: Bool, jobs: Int) -> Int {
    let workers = min(jobs, (count + images - 1) / images)
    let weights = outputs * inputs * kernel * kernel
    let inputCount = inputPlanes(images).planeCount
    return isBackward
      ? workers
        * (gradientPlanes(images).planeCount + inputGradientPlanes(images).planeCount + inputCount)
        + 4 * weights
      : workers * (inputCount + outputPlanes(images).planeCount) + weights
  }

  /// A weight by its places in the layer.
  private func places(
    _ weight: Int
  ) -> (output: Int, input: Int, row: Int, column: Int) {
    let (rest, column) = weight.quotientAndRemainder(dividingBy: kernel)
    let (filter, row) = rest.quotientAndRemainder(dividingBy: kernel)
    let (output, input) = filter.quotientAndRemainder(dividingBy: inputs)
    return (output, input, row, column)
  }

  /// Returns the start of the vector of inputs of a weight.
  func inputOffset(_ weight: Int) -> (row: Int, offset: Int) {
    let (output, input, i, j) = places(weight)
    let plane = (input * stride + i % stride) * stride + j % stride
    return (output, plane * inputPitch + i / stride * pitch + j / stride)
  }

  /// Returns the row of the gradient of the input that a weight adds to, and the start of its vector of gradients.
  func gradientOffset(_ weight: Int) -> (row: Int, offset: Int) {
    let (output, input, i, j) = places(weight)
    let plane = (input * stride + i % stride) * stride + j % stride
    let last = (kernel - 1) / stride
    return (
      plane, output * gradientPitch + (last - i / stride) * pitch + last - j / stride
    )
  }
}
