package import Base

/// A step of a network: a function of values and parameters, with its derivative.
///
/// An operation is a value that holds its attributes. Its passes read and write whole values; they share the work among
/// the workers of `Compute` in pieces that depend on shapes alone.
package protocol Operation: Sendable {
  /// The name in lists and messages.
  static var name: String { get }
  /// Shapes for the test that every operation must pass: an ordinary one, a tiny one, a ragged one.
  static var examples: [OperationExample] { get }

  /// Returns the shape of the output.
  /// - Throws: ``ShapeFault`` if the shapes do not match.
  func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int]
  /// The number of numbers that a pass needs beside inputs, weights, output and gradients.
  func scratchCount(inputs: [[Int]], weights: [[Int]], isBackward: Bool, jobs: Int) -> Int
  /// True if the weights are read tile by tile.
  var readsTiles: Bool { get }

  /// True if the backward pass sets the gradient of an input that has none yet, whose memory is not initialized.
  var setsInputGradients: Bool { get }

  /// Writes the output.
  func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws
  /// Adds to the gradients of inputs and weights.
  func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws
}

extension Operation {
  package func scratchCount(
    inputs: [[Int]], weights: [[Int]], isBackward: Bool, jobs: Int
  ) -> Int { 0 }
  package var readsTiles: Bool { false }
  package var setsInputGradients: Bool { false }

  /// Returns the shape of the only input, which is that of the output, for operations without weights.
  static func shapeOfInput(_ inputs: [[Int]], _ weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 1, weights.isEmpty else {
      throw ShapeFault(Self.name, "expected one input", inputs, weights)
    }
    return inputs[0]
  }
}

/// An operation with shapes that it accepts.
package struct OperationExample: Sendable {
  package let operation: any Operation
  package let inputs: [[Int]]
  package let weights: [[Int]]
  /// The inputs whose gradient is defined.
  package let smoothInputs: [Int]

  init(
    _ operation: any Operation, _ inputs: [[Int]], weights: [[Int]] = [], smoothInputs: [Int]? = nil
  ) {
    self.operation = operation
    self.inputs = inputs
    self.weights = weights
    self.smoothInputs = smoothInputs ?? Array(inputs.indices)
  }
}

/// The inputs, weights and output of the forward pass of an operation.
package struct ForwardPass<S: NetworkScalar>: Sendable {
  package let inputs: [Value<S>]
  package let weights: [any Parameter<S>]
  package let output: Value<S>
  package let compute: Compute

  /// Returns the numbers of an input.
  @_lifetime(borrow self)
  func input(_ index: Int) -> Span<S> {
    let input = inputs[index]
    // SAFETY: self, which the result borrows, keeps its inputs.
    return unsafe _overrideLifetime(input.span, borrowing: self)
  }
}

/// The values of the backward pass of an operation, and the gradients that it adds to.
package struct BackwardPass<S: NetworkScalar>: Sendable {
  package let inputs: [Value<S>]
  package let weights: [any Parameter<S>]
  package let output: Value<S>
  /// The derivative of the loss by the output.
  package let gradient: Value<S>
  /// The sums of derivatives to add to; nil for inputs that need none.
  package let inputGradients: [Value<S>?]
  package let weightGradients: [Value<S>?]
  /// True for inputs whose gradient is to be set, because nothing was added to it; false for all unless the operation sets
  /// them.
  package let areNew: [Bool]
  package let compute: Compute

  /// Returns the numbers of an input.
  @_lifetime(borrow self)
  func input(_ index: Int) -> Span<S> {
    let input = inputs[index]
    // SAFETY: self, which the result borrows, keeps its inputs.
    return unsafe _overrideLifetime(input.span, borrowing: self)
  }
}

/// Shapes that an operation does not accept.
package struct ShapeFault: UserError {
  package let message: Message
  package var status: ExitStatus { .badInput }

  init(_ operation: String, _ reason: String, _ inputs: [[Int]], _ weights: [[Int]] = []) {
    let shapes = (inputs + weights).map { "\($0)" }.joined(separator: ", ")
    message = Message("\(operation): \(reason), found \(shapes)")
  }
}
