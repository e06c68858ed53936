package import Base

/// Adam: steps by the mean of the gradients over the root of the mean of their squares, both corrected for their start
/// at 0.
///
/// m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², w ← w − η m̂ / (√v̂ + ε). The weight decay λ adds λ w to the gradient,
/// or with ``isDecoupled`` multiplies w by 1 − η λ first.
/// Source: Kingma and Ba, "Adam"; Loshchilov and Hutter, "Decoupled weight decay regularization".
package struct Adam: Optimizer {
  package static let name = "adam"
  /// The name of the form with decoupled weight decay.
  package static let decoupledName = "adamw"

  package var betas: (first: Double, second: Double)
  package var epsilon: Double
  package var isDecoupled: Bool

  package init(
    betas: (first: Double, second: Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    isDecoupled: Bool = false
  ) {
    self.betas = betas
    self.epsilon = epsilon
    self.isDecoupled = isDecoupled
  }

  package var settings: JSONObject {
    [
      "name": .string(isDecoupled ? Self.decoupledName : Self.name),
      "betas": [JSONValue(betas.first), JSONValue(betas.second)], "epsilon": JSONValue(epsilon),
    ]
  }

  package let stateNames = ["mean", "square"]

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func apply<S: NetworkScalar>(_ update: ParameterUpdate<S>) throws {
    let (first, second) = (S(betas.first), S(betas.second))
    let (restOfFirst, restOfSecond) = (S(1 - betas.first), S(1 - betas.second))
    let meanFactor = S(1 - Self.power(betas.first, update.step))
    let squareFactor = S(1 - Self.power(betas.second, update.step))
    let shrink = S(isDecoupled ? 1 - update.rate * update.decay : 1)
    let (rate, epsilon) = (S(update.rate), S(epsilon))
    let decay = S(isDecoupled ? 0 : update.decay)
    let (mean, square) = (update.state[0], update.state[1])
    try update.compute.forEachElements(update.parameter.count) { range in
      let (x, gradient, end) = (update.parameter.span, update.gradient.span, range.upperBound)
      let (oldMean, oldSquare) = (mean.span, square.span)
      var m = mean.mutableSpan
      var v = square.mutableSpan
      var w = update.parameter.mutableSpan
      w.fill(range) {
        let old = x.lanes($0, end: end) * shrink
        let g = gradient.lanes($0, end: end) + old * decay
        let newMean = oldMean.lanes($0, end: end) * first + g * restOfFirst
        let newSquare = oldSquare.lanes($0, end: end) * second + g * g * restOfSecond
        m.set(newMean, $0, end: end)
        v.set(newSquare, $0, end: end)
        let root = (newSquare / squareFactor).squareRoot() + epsilon
        return old - newMean / meanFactor * rate / root
      }
    }
  }

  /// Returns `base` to the power of `exponent`, with the same bits everywhere.
  /// - Complexity: O(log *exponent*).
  static func power(_ base: Double, _ exponent: Int) -> Double {
    var (result, square, rest) = (1.0, base, exponent)
    while rest > 0 {
      if rest & 1 == 1 { result *= square }
      square *= square
      rest >>= 1
    }
    return result
  }
}
