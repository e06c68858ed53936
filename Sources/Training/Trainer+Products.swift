package import Examples
import Networks

extension Trainer {
  /// A layer with a matrix or filters of weights.
  package struct LayerProducts: Sendable {
    /// The name of the weights, and their number.
    package var name: String
    package var weights: Int
    /// The number of products of a forward pass of one example.
    package var products: Int
  }

  /// Returns the products of each layer in a forward pass of one example, in the order of the pass.
  /// - Parameter example: A batch of one example on the counting arena of the trainer.
  package func layerProducts(_ example: Batch<Scalar>) throws -> [LayerProducts] {
    let tape = Tape<Scalar>(compute, isRecording: true)
    _ = try logits(example, tape) { _, _ in }
    return tape.products.map {
      LayerProducts(name: $0.name, weights: $0.weights, products: $0.products)
    }
  }
}
