/// A run of a network: applies operations and, if it records, remembers them for the backward pass.
///
/// A tape that does not record keeps no values: each is freed with the last reference to it, so that evaluation needs
/// memory for live values alone. On a counting arena, operations compute nothing and only their memory is counted.
/// A tape is used by one thread; its operations share their work among the workers of `compute`.
package final class Tape<Scalar: NetworkScalar> {
  /// A step that the backward pass reverses.
  enum Step {
    case operation(
      any Operation, inputs: [Value<Scalar>], weights: [any Parameter<Scalar>],
      output: Value<Scalar>)
    case segment(
      inputs: [Value<Scalar>], uses: [ObjectIdentifier: Int], output: Value<Scalar>, body: Body)
  }

  /// A part of a network: returns the output for a tape and inputs, the same bits each time.
  package typealias Body = (Tape, [Value<Scalar>]) throws -> Value<Scalar>

  package let compute: Compute
  /// True if operations are remembered.
  package let isRecording: Bool
  var steps: [Step] = []
  /// The number of uses of each trained parameter.
  private(set) var uses: [ObjectIdentifier: Int] = [:]

  package init(_ compute: Compute, isRecording: Bool = false) {
    self.compute = compute
    self.isRecording = isRecording
  }

  /// True if operations compute nothing.
  package var isCounting: Bool { compute.arena.isCounting }

  /// Returns the output of an operation.
  /// - Throws: ``ShapeFault`` if the shapes do not match, or the error of reading a parameter.
  package func apply(
    _ operation: any Operation, _ inputs: [Value<Scalar>],
    _ weights: [any Parameter<Scalar>] = []
  ) throws -> Value<Scalar> {
    let shape = try operation.shape(
      inputs: inputs.map(\.shape), weights: weights.map { $0.shape })
    let isTrained = weights.contains { $0.isTrained }
    for weight in weights where weight.isTrained { uses[ObjectIdentifier(weight), default: 0] += 1 }
    let needsGradient = isRecording && (isTrained || inputs.contains(where: \.needsGradient))
    let output = Value<Scalar>(shape, needsGradient: needsGradient, in: compute.arena)
    if isCounting {
      compute.count(operation, inputs, weights, isBackward: false)
    } else {
      try operation.forward(
        ForwardPass(inputs: inputs, weights: weights, output: output, compute: compute))
    }
    if needsGradient {
      steps.append(.operation(operation, inputs: inputs, weights: weights, output: output))
    }
    return output
  }

  /// Returns the output of a part of the network, whose values are not kept: the backward pass computes them again.
  ///
  /// The result and all gradients have the same bits as without the segment.
  /// - Parameter body: Must use no values except its inputs and parameters.
  package func segment(_ inputs: [Value<Scalar>], _ body: @escaping Body) throws -> Value<Scalar> {
    guard isRecording else { return try body(self, inputs) }
    let inner = Tape(compute)
    let output = try body(inner, inputs)
    for (parameter, count) in inner.uses { uses[parameter, default: 0] += count }
    guard !inner.uses.isEmpty || inputs.contains(where: \.needsGradient) else { return output }
    let result = output.detached(needsGradient: true)
    steps.append(.segment(inputs: inputs, uses: inner.uses, output: result, body: body))
    return result
  }
}

extension Tape {
  /// The numbers of products of the recorded convolutions and linear layers, by the names of their weights.
  package var products: [(name: String, weights: Int, products: Int)] {
    steps.compactMap { step in
      guard case .operation(let operation, _, let weights, let output) = step,
        operation is Convolution || operation is Linear, let weight = weights.first,
        let outputs = weight.shape.first, outputs > 0
      else { return nil }
      return (weight.name, weight.count, output.count * (weight.count / outputs))
    }
  }
}

extension Compute {
  /// Counts the memory that an operation needs beside inputs and output.
  func count<S: NetworkScalar>(
    _ operation: any Operation, _ inputs: [Value<S>], _ weights: [any Parameter<S>],
    isBackward: Bool
  ) {
    let scratch = operation.scratchCount(
      inputs: inputs.map(\.shape), weights: weights.map { $0.shape }, isBackward: isBackward,
      jobs: jobs)
    let byteCount = scratch * MemoryLayout<S>.stride
    arena.add(byteCount)
    countReading(weights, isTiled: operation.readsTiles)
    arena.remove(byteCount)
  }
}
