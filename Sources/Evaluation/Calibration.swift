import Base
package import Checkpoints
package import Networks
import Synchronization
import TensorCore

/// Sums over the inputs of the linear layers of a model, measured on some text.
package struct Calibration: Sendable {
  /// The linear layers in the blocks, in the order of their use.
  package let layers: [LinearLayer]
  private var sums: [String: ChannelSums]

  package init(_ layers: [LinearLayer]) {
    self.layers = layers
    sums = Dictionary(
      layers.map { ($0.weight, ChannelSums(channelCount: $0.channelCount)) },
      uniquingKeysWith: { first, _ in first })
  }

  /// The sums over the inputs of the layer with a weight.
  package func sums(of weight: String) -> ChannelSums? { sums[weight] }

  fileprivate mutating func add(_ other: ChannelSums, of weight: String) {
    sums[weight]?.add(other)
  }

  // MARK: Tensors

  /// Returns the tensors of a calibration file: for each weight, the norms ‖x‖₂ of its inputs under the name of the
  /// weight, and the sums that they are computed from under that name with a prefix.
  package func tensors() throws -> [LazyTensor] {
    try layers.flatMap { layer in
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

extension Calibration: BlockFigures {
  var record: CBORValue {
    .array(
      layers.map { layer in
        let sums = sums[layer.weight] ?? ChannelSums(channelCount: 0)
        return .array([
          .text(layer.weight), CBORValue(sums.rowCount), .bytes(sums.squares.bytesOfNumbers),
          .bytes(sums.sums.bytesOfNumbers), .bytes(sums.largest.bytesOfNumbers),
        ])
      })
  }

  mutating func restore(_ record: CBORValue) -> Bool {
    guard let items = record.asArray, items.count == layers.count else { return false }
    var found: [String: ChannelSums] = [:]
    for (layer, item) in zip(layers, items) {
      guard let parts = item.asArray, parts.count == 5, parts[0].asText == layer.weight,
        let rowCount = parts[1].asInt, let squares = parts[2].asBytes, let sums = parts[3].asBytes,
        let largest = parts[4].asBytes,
        squares.count == 8 * layer.channelCount, sums.count == squares.count,
        largest.count == 4 * layer.channelCount
      else { return false }
      found[layer.weight] = ChannelSums(
        squares: squares.doubles, sums: sums.doubles, largest: largest.floats, rowCount: rowCount)
    }
    sums = found
    return true
  }
}

extension [UInt8] {
  /// The bytes as float64 numbers.
  fileprivate var doubles: [Double] {
    let bytes = rawSpan
    return stride(from: 0, to: count - count % 8, by: 8).map {
      Double(bitPattern: bytes.littleEndian(UInt64.self, at: $0) ?? 0)
    }
  }

  /// The bytes as float32 numbers.
  fileprivate var floats: [Float] {
    let bytes = rawSpan
    return stride(from: 0, to: count - count % 4, by: 4).map {
      Float(bitPattern: bytes.littleEndian(UInt32.self, at: $0) ?? 0)
    }
  }
}

extension Evaluator {
  /// Returns the sums over the inputs of all linear layers in the blocks.
  /// - Complexity: that of ``scores(of:)``, without the output layer, and O(tokens · channels) for each layer.
  package func calibration(of model: EvaluatedModel) throws -> Calibration {
    let stream = try stream(model, share: 1)
    var result = Calibration(try model.linearLayers())
    try walk([stream], &result, passes: 1) { layer, figures in
      var sums = figures
      // One owner of the sums, so that adding to them does not copy them.
      figures = Calibration([])
      // Layers with the same input, such as queries, keys and values, share its sums.
      var last: (input: Value<Float>, sums: ChannelSums)?
      try stream.step(layer) { _ in
        var observer = Observer<Float>()
        observer.linearInput = { weight, input in
          let part =
            try last.flatMap { $0.input === input ? $0.sums : nil } ?? ChannelSums(input, compute)
          last = (input, part)
          sums.add(part, of: weight)
        }
        return observer
      }
      figures = sums
    }
    return result
  }
}

extension Array where Element: BitwiseCopyable {
  /// The numbers as they are stored, in little-endian order.
  fileprivate var bytesOfNumbers: [UInt8] {
    // SAFETY: the elements are numbers, which have no padding.
    unsafe span.bytes.array()
  }
}
