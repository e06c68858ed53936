import Base

/// A measure with a value for each head of a model.
struct HeadColumn: Sendable, Equatable {
  /// The name in JSON and CSV.
  let name: String
  /// The name in text.
  let title: String
  /// Layer by layer, head by head.
  let values: [Double]

  init(_ name: String, _ title: String, _ values: [Double]) {
    self.name = name
    self.title = title
    self.values = values
  }

  /// The mean over all heads.
  var mean: Double { values.reduce(0, +) / Double(max(1, values.count)) }
  /// The head with the largest value, the first of equals.
  var top: Int { values.indices.max { values[$0] < values[$1] } ?? 0 }
}

extension [Double] {
  /// Returns nested lists whose inner dimensions are `sizes`, outermost first.
  func nested(by sizes: [Int]) -> JSONValue {
    guard !sizes.isEmpty else { return .array(map { JSONValue($0) }) }
    let inner = sizes.reduce(1, *)
    return .array(
      stride(from: 0, to: count, by: inner).map {
        [Double](self[$0..<$0 + inner]).nested(by: [Int](sizes.dropFirst()))
      })
  }
}
