package import Networks

/// Examples with their targets.
package protocol TrainingData: Sendable {
  var count: Int { get }
  /// The number of bytes that the examples need in memory.
  var byteCount: Int { get }
  /// True if each example has one class, so that the share of correct ones is counted.
  var hasClasses: Bool { get }
  /// Returns some examples.
  func batch<S: NetworkScalar>(_ examples: [Int], in arena: Arena) -> Batch<S>
}

/// Some examples as the input of a network, and what it should predict.
package struct Batch<Scalar: NetworkScalar>: Sendable {
  package let input: NetworkInput<Scalar>
  /// A target for each row of the logits; ``LogProbability/ignored`` for rows that do not count.
  package let targets: [Int32]
  package let windows: Windows

  package init(_ input: NetworkInput<Scalar>, targets: [Int32], windows: Windows) {
    self.input = input
    self.targets = targets
    self.windows = windows
  }

  /// The number of rows that count.
  package var targetCount: Int { targets.count { $0 != LogProbability.ignored } }
}

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

/// Windows of text: each token is predicted from those before it in its window.
package struct TokenExamples: TrainingData {
  private let tokens: [Int32]
  /// The number of tokens that a window predicts.
  private let length: Int
  /// The distance of the first tokens of two windows.
  private let stride: Int
  package let count: Int
  package let hasClasses = false

  /// Cuts a text into windows that share only their borders; tokens at the end that fill no window are dropped.
  package init(text tokens: [Int32], length: Int) {
    self.tokens = tokens
    self.length = length
    stride = length
    count = max(0, (tokens.count - 1) / length)
  }

  /// Takes rows of tokens as they are; a row of n tokens predicts n − 1.
  package init(rows tokens: [Int32], length: Int) {
    self.tokens = tokens
    self.length = length - 1
    stride = length
    count = tokens.count / length
  }

  package var byteCount: Int { 4 * tokens.count }

  package func batch<S: NetworkScalar>(_ examples: [Int], in arena: Arena) -> Batch<S> {
    var (inputs, targets) = ([Int32](), [Int32]())
    for example in examples {
      let start = example * stride
      inputs += tokens[start..<start + length]
      targets += tokens[start + 1...start + length]
    }
    return Batch(
      .tokens(inputs), targets: targets,
      windows: Windows(sequenceCount: examples.count, length: length))
  }
}
