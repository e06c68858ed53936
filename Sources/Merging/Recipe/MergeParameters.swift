/// The parameters of one scope of a recipe: a source, a slice, a module or the whole recipe.
package struct MergeParameters: Sendable, Equatable {
  /// The value of a parameter for the tensors that a filter selects.
  package struct Choice: Sendable, Equatable {
    /// A part of the names of the selected tensors; nil for all tensors.
    package var filter: String?
    package var value: Value
    package var line: Int
  }

  /// A value of a parameter, possibly one that depends on the position among the layers.
  package enum Value: Sendable, Equatable {
    case number(Double)
    case bool(Bool)
    /// Numbers that are spread evenly over the layers, with linear interpolation between them.
    case gradient([Double])
    /// Booleans that are spread evenly over the layers.
    case bools([Bool])
  }

  /// The choices by parameter name; the first matching choice applies.
  package internal(set) var choices: [String: [Choice]]

  package init(_ choices: [String: [Choice]] = [:]) { self.choices = choices }

  package var names: [String] { choices.keys.sorted() }

  /// Returns the value of a parameter for a tensor; nil if no filter matches its name.
  ///
  /// - Parameter position: The position among the layers, from 0 (the first layer, and tensors outside the
  ///   layers) to 1 (the last layer).
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
  /// Returns the single value at a position among the layers, from 0 to 1.
  package func at(_ position: Double) -> Self {
    switch self {
    case .number, .bool: return self
    case .gradient(let values):
      let fractionalIndex = position * Double(values.count - 1)
      let low = min(values.count - 1, Int(fractionalIndex))  // fits: position is from 0 to 1
      let high = min(values.count - 1, low + 1)
      return .number(values[low] + (values[high] - values[low]) * (fractionalIndex - Double(low)))
    case .bools(let values):
      let index = Int(position * Double(values.count - 1))  // fits: position is from 0 to 1
      return .bool(values[min(values.count - 1, index)])
    }
  }

  package var asNumber: Double? { if case .number(let value) = self { value } else { nil } }
  /// The value as a Boolean; of numbers, only 0 is false.
  package var asBool: Bool? {
    switch self {
    case .bool(let value): value
    case .number(let value): value != 0
    case .gradient, .bools: nil
    }
  }
}
