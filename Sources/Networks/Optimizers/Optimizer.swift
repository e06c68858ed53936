package import Base

/// A rule that changes a parameter by its gradient.
///
/// An optimizer is a value that holds its settings. Its state belongs to the caller: values of the parameter's shape,
/// which are 0 at first.
package protocol Optimizer: Sendable {
  /// The name in recipes.
  static var name: String { get }
  /// The names of the values that are kept for each parameter between two steps.
  var stateNames: [String] { get }
  /// The name and the settings, under the keys of recipes.
  var settings: JSONObject { get }
  /// Changes a parameter and its state.
  func apply<S: NetworkScalar>(_ update: ParameterUpdate<S>) throws
}

/// A parameter with its gradient and the state of its optimizer, in one step.
package struct ParameterUpdate<S: NetworkScalar>: Sendable {
  package let parameter: Value<S>
  package let gradient: Value<S>
  /// A value for each name in ``Optimizer/stateNames``.
  package let state: [Value<S>]
  /// The number of the step, from 1 on.
  package let step: Int
  /// The learning rate.
  package let rate: Double
  /// The factor of the weight decay; 0 for none.
  package let decay: Double
  package let compute: Compute

  package init(
    _ parameter: Value<S>, gradient: Value<S>, state: [Value<S>], step: Int, rate: Double,
    decay: Double, _ compute: Compute
  ) {
    precondition(parameter.count == gradient.count && step > 0)
    self.parameter = parameter
    self.gradient = gradient
    self.state = state
    self.step = step
    self.rate = rate
    self.decay = decay
    self.compute = compute
  }
}

extension Compute {
  /// Multiplies all numbers by a factor.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func scale<S: NetworkScalar>(_ value: Value<S>, by factor: Double) throws {
    let factor = S(factor)
    try forEachElements(value.count) { range in
      let x = value.span
      var y = value.mutableSpan
      y.fill(range) { x.lanes($0, end: range.upperBound) * factor }
    }
  }

  /// Multiplies each number by the one at its place in `mask`.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func multiply<S: NetworkScalar>(_ value: Value<S>, by mask: Value<S>) throws {
    precondition(value.count == mask.count)
    try forEachElements(value.count) { range in
      let (x, mask) = (value.span, mask.span)
      var y = value.mutableSpan
      y.fill(range) {
        S.masked(x.lanes($0, end: range.upperBound), by: mask.lanes($0, end: range.upperBound))
      }
    }
  }

  /// Returns the norm of several values together: √(Σ ‖x‖²), in float64.
  package func norm<S: NetworkScalar>(_ values: [Value<S>]) throws -> Double {
    try values.reduce(0) { try $0 + squaredNorm($1) }.squareRoot()
  }

  /// Returns the factor that limits gradients with a common norm to `limit`: min(1, limit / (norm + 10⁻⁶)).
  ///
  /// Source: Pascanu et al., "On the difficulty of training recurrent neural networks", algorithm 1; the summand is that
  /// of torch.
  package static func clipFactor(norm: Double, limit: Double) -> Double {
    min(1, limit / (norm + 1e-6))
  }
}
