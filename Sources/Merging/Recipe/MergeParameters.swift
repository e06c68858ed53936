/// The parameters of one scope of a recipe: of a source, a slice, a module or all of it.
package struct MergeParameters: Sendable, Equatable {
  /// What a parameter is for the tensors that a filter chooses.
  package struct Choice: Sendable, Equatable {
    /// A part of the tensor's name; nil for all tensors.
    package var filter: String?
    package var value: Value
    package var line: Int
  }

  package enum Value: Sendable, Equatable {
    case number(Double)
    case bool(Bool)
    /// Numbers that are spread over the layers, linear in between.
    case gradient([Double])
    /// One for each run of layers.
    case bools([Bool])
  }

  /// By name, the first choice that fits deciding.
  package internal(set) var choices: [String: [Choice]]

  package init(_ choices: [String: [Choice]] = [:]) { self.choices = choices }

  package var names: [String] { choices.keys.sorted() }

  /// The value for a tensor at `position` among the layers, from 0 (the first layer, and all tensors
  /// that are in none) to 1 (the last); nil if no filter fits.
  package func value(_ name: String, tensor: String, position: Double) -> Value? {
    guard
      let choice = choices[name]?.first(where: { choice in
        choice.filter.map { tensor.contains($0) } ?? true
      })
    else { return nil }
    return choice.value.at(position)
  }
}

extension MergeParameters.Value {
  /// A gradient at a position, as one value.
  package func at(_ position: Double) -> Self {
    switch self {
    case .number, .bool: return self
    case .gradient(let values):
      let place = position * Double(values.count - 1)
      let low = min(values.count - 1, Int(place))
      let high = min(values.count - 1, low + 1)
      return .number(values[low] + (values[high] - values[low]) * (place - Double(low)))
    case .bools(let values):
      return .bool(values[min(values.count - 1, Int(position * Double(values.count - 1)))])
    }
  }

  package var asNumber: Double? { if case .number(let value) = self { value } else { nil } }
  /// True and false, and numbers in their stead: 0 is false.
  package var asBool: Bool? {
    switch self {
    case .bool(let value): value
    case .number(let value): value != 0
    case .gradient, .bools: nil
    }
  }
}
