import Base
package import Checkpoints
package import Networks
import TensorCore

/// Sums over the inputs of the linear layers of a model, measured on some text.
package struct Calibration: Sendable {
  /// The linear layers in the order of their use, the output layer last.
  package let layers: [LinearLayer]
  var sums: [String: ChannelSums]
  private var products: [String: InputProducts] = [:]

  package init(_ layers: [LinearLayer]) {
    self.layers = layers
    sums = Dictionary(
      layers.map { ($0.weight, ChannelSums(channelCount: $0.channelCount)) },
      uniquingKeysWith: { first, _ in first })
  }

  /// The sums over the inputs of the layer with a weight.
  package func sums(of weight: String) -> ChannelSums? { sums[weight] }

  /// The products of the inputs of the layer with a weight; nil unless they were asked for.
  package func products(of weight: String) -> InputProducts? { products[weight] }

  /// - Parameter part: The sums over all windows.
  package init(_ layers: [LinearLayer], _ part: CalibrationPart) {
    self.init(layers)
    for input in part.inputs { set(input) }
  }

  mutating func set(_ input: MeasuredInput) {
    set(input.sums)
    for weight in input.wanted { products[weight] = input.products }
  }

  private mutating func set(_ input: CalibrationPart.Input) {
    let rounded = input.sums.rounded
    for weight in input.weights { sums[weight] = rounded }
  }

  // MARK: Tensors

  /// Returns the tensors of a calibration file: for each weight, the norms ‖x‖₂ of its inputs under the name of the
  /// weight, and the sums that they are computed from under that name with a prefix.
  /// - Parameter wanted: The weights whose products belong to the file.
  package func tensors(products wanted: Set<String> = []) throws -> [LazyTensor] {
    try layers.flatMap { layer in
      var tensors = try tensors(of: layer)
      if wanted.contains(layer.weight) { tensors.append(try productTensor(of: layer)) }
      return tensors
    }
  }

  /// Returns the tensors of a layer, without products.
  package func tensors(of layer: LinearLayer) throws -> [LazyTensor] {
    let (weight, sums) = (layer.weight, sums[layer.weight] ?? ChannelSums(channelCount: 0))
    let norms = sums.squares.map { Float($0.squareRoot()) }
    return [
      try Self.tensor(weight, .f32, norms.bytesOfNumbers),
      try Self.tensor("calibration.sum_squares." + weight, .f64, sums.squares.bytesOfNumbers),
      try Self.tensor("calibration.sum." + weight, .f64, sums.sums.bytesOfNumbers),
      try Self.tensor("calibration.maximum." + weight, .f32, sums.largest.bytesOfNumbers),
      try Self.tensor(
        "calibration.count." + weight, .i64, [Int64(sums.rowCount)].bytesOfNumbers),
    ]
  }

  private func productTensor(of layer: LinearLayer) throws -> LazyTensor {
    let name = "calibration.products." + layer.weight
    let info = try TensorInfo(
      name: name, dtype: .f64, shape: Shape([layer.channelCount, layer.channelCount]))
    return LazyTensor(
      info: info, source: ProductSource(products: products[layer.weight]),
      stored: StoredForm(file: name, byteOffset: 0, byteCount: info.byteCount, dtype: .f64))
  }

  private static func tensor(
    _ name: String, _ dtype: DType, _ bytes: [UInt8]
  ) throws -> LazyTensor {
    let count = bytes.count * 8 / dtype.bitsPerElement
    let info = try TensorInfo(name: name, dtype: dtype, shape: Shape([count]))
    return LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: bytes),
      stored: StoredForm(file: name, byteOffset: 0, byteCount: bytes.count, dtype: dtype))
  }
}

/// The values of a tensor of products; zeros before they are measured.
private struct ProductSource: TensorSource {
  let products: InputProducts?

  func scratchByteCount(elementCount: Int) -> Int { 0 }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard let products else { return values.fill() }
    products.copy(elements, into: &values)
  }
}

extension Array where Element: BitwiseCopyable {
  /// The numbers as they are stored, in little-endian order.
  var bytesOfNumbers: [UInt8] {
    // SAFETY: the elements are numbers, which have no padding.
    unsafe span.bytes.array()
  }
}
