package import Networks

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
