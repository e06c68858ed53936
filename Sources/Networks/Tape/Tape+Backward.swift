extension Tape {
  /// Receives the gradient of a trained parameter, once, as soon as it is complete, and may drop it.
  package typealias Sink = (any Parameter<Scalar>, Value<Scalar>) throws -> Void

  /// Computes the derivatives of a loss by all trained parameters and values, and forgets the recorded operations.
  ///
  /// - Parameters:
  ///   - output: the loss, or a value whose derivative is known.
  ///   - gradient: the derivative of the loss by `output`; 1 for nil.
  ///   - sink: receives the gradients of the parameters. A parameter that is used several times is passed after the
  ///     first of its uses was reversed.
  /// - Returns: the gradients of the values that no operation of this tape created.
  @discardableResult
  package func backward(
    from output: Value<Scalar>, gradient: Value<Scalar>? = nil, into sink: Sink
  ) throws -> ValueGradients<Scalar> {
    let pass = GradientPass<Scalar>(compute, uses: uses)
    let start = pass.gradients.sum(for: output, isZero: true, in: compute.arena).gradient
    if let gradient {
      try compute.addIfWorking(gradient, to: start)
    } else if !isCounting {
      var start = start.mutableSpan
      for index in start.indices { start[index] = 1 }
    }
    try reverse(pass, sink)
    return pass.gradients
  }

  /// Reverses the recorded operations, the last one first.
  private func reverse(_ pass: GradientPass<Scalar>, _ sink: Sink) throws {
    while let step = steps.popLast() {
      switch step {
      case .operation(let operation, let inputs, let weights, let output):
        try reverse(operation, inputs, weights, output, pass, sink)
      case .segment(let inputs, let uses, let output, let body):
        guard let gradient = pass.gradients.take(output) else {
          for (parameter, count) in uses { try pass.skip(parameter, count, sink) }
          continue
        }
        let inner = Tape(compute, isRecording: true)
        // The inputs themselves, so that gradients are added in the order that they have without the segment.
        let again = try body(inner, inputs)
        pass.gradients.set(gradient, for: again)
        try inner.reverse(pass, sink)
      }
    }
  }

  private func reverse(
    _ operation: any Operation, _ inputs: [Value<Scalar>], _ weights: [any Parameter<Scalar>],
    _ output: Value<Scalar>, _ pass: GradientPass<Scalar>, _ sink: Sink
  ) throws {
    if let gradient = pass.gradients.take(output) {
      let arena = compute.arena
      let sets = operation.setsInputGradients
      let sums = inputs.map {
        $0.needsGradient ? pass.gradients.sum(for: $0, isZero: !sets, in: arena) : nil
      }
      let weightGradients = weights.map { $0.isTrained ? pass.sum(for: $0) : nil }
      if isCounting {
        compute.count(operation, inputs, weights, isBackward: true)
      } else {
        try operation.backward(
          BackwardPass(
            inputs: inputs, weights: weights, output: output, gradient: gradient,
            inputGradients: sums.map { $0?.gradient }, weightGradients: weightGradients,
            areNew: sums.map { sets && $0?.isNew == true }, compute: compute))
      }
    }
    for weight in weights where weight.isTrained {
      try pass.skip(ObjectIdentifier(weight), 1, sink)
    }
  }
}

/// The gradients of values during a backward pass.
package struct ValueGradients<Scalar: NetworkScalar> {
  /// Each value is kept with its gradient, so that its identity stays its own.
  private var entries: [ObjectIdentifier: (value: Value<Scalar>, gradient: Value<Scalar>)] = [:]

  /// The gradient of a value; nil if the loss does not depend on it.
  package subscript(value: Value<Scalar>) -> Value<Scalar>? {
    entries[ObjectIdentifier(value)]?.gradient
  }

  /// Returns the gradient to add to, and true if nothing was added to it.
  /// - Parameter isZero: True if a new one is 0; otherwise its numbers are to be set.
  mutating func sum(
    for value: Value<Scalar>, isZero: Bool, in arena: Arena
  ) -> (gradient: Value<Scalar>, isNew: Bool) {
    if let entry = entries[ObjectIdentifier(value)] { return (entry.gradient, false) }
    let gradient = Value<Scalar>(value.shape, isZero: isZero, in: arena)
    entries[ObjectIdentifier(value)] = (value, gradient)
    return (gradient, true)
  }

  /// Sets the gradient of a value that has none.
  mutating func set(_ gradient: Value<Scalar>, for value: Value<Scalar>) {
    entries[ObjectIdentifier(value)] = (value, gradient)
  }

  /// Removes and returns the gradient of a value.
  mutating func take(_ value: Value<Scalar>) -> Value<Scalar>? {
    entries.removeValue(forKey: ObjectIdentifier(value))?.gradient
  }
}

/// The state of a backward pass.
final class GradientPass<Scalar: NetworkScalar> {
  private let compute: Compute
  var gradients = ValueGradients<Scalar>()
  private var parameters:
    [ObjectIdentifier: (parameter: any Parameter<Scalar>, gradient: Value<Scalar>)] = [:]
  /// The number of uses of each parameter that are still to be reversed.
  private var uses: [ObjectIdentifier: Int]

  init(_ compute: Compute, uses: [ObjectIdentifier: Int]) {
    self.compute = compute
    self.uses = uses
  }

  /// Returns the gradient of a parameter to add to, which is 0 at first.
  func sum(for parameter: any Parameter<Scalar>) -> Value<Scalar> {
    let id = ObjectIdentifier(parameter)
    if let entry = parameters[id] { return entry.gradient }
    let gradient = Value<Scalar>(parameter.shape, isZero: true, in: compute.arena)
    parameters[id] = (parameter, gradient)
    return gradient
  }

  /// Counts uses of a parameter as reversed, and passes its gradient on after the last one.
  func skip(_ id: ObjectIdentifier, _ count: Int, _ sink: Tape<Scalar>.Sink) throws {
    uses[id, default: 0] -= count
    guard uses[id] ?? 0 <= 0, let entry = parameters.removeValue(forKey: id) else { return }
    try sink(entry.parameter, entry.gradient)
  }
}

extension Compute {
  /// Adds a gradient to another one, unless memory is only counted.
  package func addIfWorking<S: NetworkScalar>(_ gradient: Value<S>, to sum: Value<S>) throws {
    precondition(gradient.count == sum.count)
    guard !arena.isCounting else { return }
    try copy(gradient.matrix(rows: 1), to: sum.matrix(rows: 1), isAdding: true)
  }
}
