package import Networks

/// Examples with their targets.
package protocol TrainingData: Sendable {
  var count: Int { get }
  /// The number of bytes that the examples need in memory.
  var byteCount: Int { get }
  /// True if each example has one class, so that the share of correct ones is counted.
  var hasClasses: Bool { get }
  /// The number of tokens that a window predicts; nil for other examples.
  var windowLength: Int? { get }
  /// Returns some examples.
  func batch<S: NetworkScalar>(_ examples: [Int], in arena: Arena) -> Batch<S>
}

extension TrainingData {
  package var windowLength: Int? { nil }
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
  /// The token before each window, which is not predicted; nil for windows that start with a token of the text.
  private let start: Int32?
  /// The place of the first token of each window, that of the text if ``start`` precedes it.
  private let places: [Int]
  package let hasClasses = false

  /// Cuts a text into windows that share only their borders; tokens at the end that fill no window are dropped.
  package init(text tokens: [Int32], length: Int) { self.init(texts: [tokens], length: length) }

  /// Cuts texts into windows, each of one text. With a start token windows share nothing, otherwise only their borders;
  /// tokens at the end of a text that fill no window are dropped.
  package init(texts: [[Int32]], length: Int, start: Int32? = nil) {
    tokens = Array(texts.joined())
    self.length = length
    self.start = start
    var places: [Int] = []
    var end = 0
    for text in texts {
      let count = max(0, (text.count - (start == nil ? 1 : 0)) / length)
      places += (0..<count).map { end + $0 * length }
      end += text.count
    }
    self.places = places
  }

  /// Takes rows of tokens as they are; a row of n tokens predicts n − 1.
  package init(rows tokens: [Int32], length: Int) {
    self.tokens = tokens
    self.length = length - 1
    start = nil
    places = (0..<tokens.count / length).map { $0 * length }
  }

  package var count: Int { places.count }
  package var windowLength: Int? { length }
  package var byteCount: Int { 4 * tokens.count + 8 * places.count }

  package func batch<S: NetworkScalar>(_ examples: [Int], in arena: Arena) -> Batch<S> {
    var (inputs, targets) = ([Int32](), [Int32]())
    for example in examples {
      let place = places[example]
      if let start {
        inputs += [start] + tokens[place..<place + length - 1]
        targets += tokens[place..<place + length]
      } else {
        inputs += tokens[place..<place + length]
        targets += tokens[place + 1...place + length]
      }
    }
    return Batch(
      .tokens(inputs), targets: targets,
      windows: Windows(sequenceCount: examples.count, length: length))
  }
}
