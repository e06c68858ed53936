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
    if !arena.isCounting { fill(value, examples) }
    return Batch(
      .images(value), targets: examples.map { labels[$0] },
      windows: Windows(sequenceCount: examples.count, length: 1))
  }

  /// Writes scaled examples, one after another.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  private func fill<S: NetworkScalar>(_ value: Value<S>, _ examples: [Int]) {
    // With one mean and one deviation, an example is a single channel.
    let channelCount = max(1, scaling.mean.count, scaling.deviation.count)
    let channelSize = shape.reduce(1, *) / channelCount
    let divisor = S(scaling.divisor)
    let channels = (0..<channelCount).map { channel in
      let mean = S(Self.entry(scaling.mean, channel) ?? 0)
      let deviation = S(Self.entry(scaling.deviation, channel) ?? 1)
      // The table has all numbers that a byte can become.
      return (mean, deviation, (0...UInt8.max).map { (S($0) / divisor - mean) / deviation })
    }
    var target = value.mutableSpan
    var place = 0
    for example in examples {
      for (channel, (mean, deviation, table)) in channels.enumerated() {
        let start = (example * channelCount + channel) * channelSize
        switch values {
        case .bytes(let bytes):
          let source = bytes.span.extracting(start..<start + channelSize)
          var part = target._mutatingExtracting(place..<place + channelSize)
          for index in source.indices { part[index] = table[Int(source[index])] }
        case .floats(let floats):
          let source = floats.span.extracting(start..<start + channelSize)
          var part = target._mutatingExtracting(place..<place + channelSize)
          for index in source.indices {
            part[index] = (S(source[index]) / divisor - mean) / deviation
          }
        }
        place += channelSize
      }
    }
  }

  private static func entry(_ list: [Double], _ channel: Int) -> Double? {
    list.count == 1 ? list[0] : list.isEmpty ? nil : list[channel]
  }
}
