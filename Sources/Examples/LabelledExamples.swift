package import Networks

/// Examples with values and a label for each.
package struct LabelledExamples: TrainingData {
  /// The values of all examples, one after another.
  package enum Values: Sendable {
    case bytes([UInt8])
    case floats([Float])
  }

  private let values: Values
  /// The class of each example.
  package let labels: [Int32]
  /// The shape of an example as the network reads it.
  private let shape: [Int]
  private let scaling: InputScaling

  /// - Parameters:
  ///   - values: As many for each label as `shape` has places.
  ///   - scaling: With a mean and a deviation for all channels, or for each of the first dimension of `shape`.
  package init(_ values: Values, labels: [Int32], shape: [Int], scaling: InputScaling) {
    self.values = values
    self.labels = labels
    self.shape = shape
    self.scaling = scaling
  }

  package var count: Int { labels.count }
  package let hasClasses = true
  package var byteCount: Int {
    let size =
      switch values {
      case .bytes: 1
      case .floats: 4
      }
    return labels.count * (shape.reduce(1, *) * size + 4)
  }

  package func batch<S: NetworkScalar>(_ examples: [Int], in arena: Arena) -> Batch<S> {
    let value = Value<S>([examples.count] + shape, in: arena)
    if !arena.isCounting {
      switch values {
      case .bytes(let bytes): fill(value, examples) { S(bytes[$0]) }
      case .floats(let floats): fill(value, examples) { S(floats[$0]) }
      }
    }
    return Batch(
      .images(value), targets: examples.map { labels[$0] },
      windows: Windows(sequenceCount: examples.count, length: 1))
  }

  private func fill<S: NetworkScalar>(
    _ value: Value<S>, _ examples: [Int], _ number: (_ index: Int) -> S
  ) {
    let size = shape.reduce(1, *)
    let channelSize = size / shape[0]
    let divisor = S(scaling.divisor)
    var target = value.mutableSpan
    for (row, example) in examples.enumerated() {
      for channel in 0..<shape[0] {
        let mean = S(Self.entry(scaling.mean, channel) ?? 0)
        let deviation = S(Self.entry(scaling.deviation, channel) ?? 1)
        for place in channel * channelSize..<(channel + 1) * channelSize {
          let x = number(example * size + place)
          target[row * size + place] = (x / divisor - mean) / deviation
        }
      }
    }
  }

  private static func entry(_ list: [Double], _ channel: Int) -> Double? {
    list.count == 1 ? list[0] : list.isEmpty ? nil : list[channel]
  }
}
