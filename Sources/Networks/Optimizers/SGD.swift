package import Base

/// Stochastic gradient descent with momentum: v ← μ v + g, w ← w − η v.
///
/// The weight decay λ adds λ w to the gradient. Nesterov's form moves by g + μ v in place of v.
/// Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", in the form of torch.
package struct SGD: Optimizer {
  package static let name = "sgd"

  /// μ; 0 for no momentum.
  package var momentum: Double
  package var isNesterov: Bool

  package init(momentum: Double = 0, isNesterov: Bool = false) {
    self.momentum = momentum
    self.isNesterov = isNesterov
  }

  package var settings: JSONObject {
    var settings: JSONObject = ["name": .string(Self.name)]
    if momentum > 0 { settings["momentum"] = JSONValue(momentum) }
    if isNesterov { settings["nesterov"] = true }
    return settings
  }

  package var stateNames: [String] { momentum == 0 ? [] : ["momentum"] }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func apply<S: NetworkScalar>(_ update: ParameterUpdate<S>) throws {
    let (rate, decay, momentum) = (S(update.rate), S(update.decay), S(momentum))
    try update.compute.forEachElements(update.parameter.count) { range in
      let (x, gradient, end) = (update.parameter.span, update.gradient.span, range.upperBound)
      var w = update.parameter.mutableSpan
      guard let state = update.state.first else {
        w.fill(range) {
          let old = x.lanes($0, end: end)
          return old - (gradient.lanes($0, end: end) + old * decay) * rate
        }
        return
      }
      let velocity = state.span
      var v = state.mutableSpan
      w.fill(range) {
        let old = x.lanes($0, end: end)
        let g = gradient.lanes($0, end: end) + old * decay
        let moved = velocity.lanes($0, end: end) * momentum + g
        v.set(moved, $0, end: end)
        return old - (isNesterov ? g + moved * momentum : moved) * rate
      }
    }
  }
}
