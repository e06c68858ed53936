/// An estimate of the multiplications and additions of a training step.
///
/// The rule: a step is a forward pass, the gradient of the inputs and the gradient of the weights, each with the products
/// of the forward pass. In a sparse layer, the first two are scaled by 1 − s and the third by 1 − g, where s is the
/// sparsity of the weights and g that of the gradients. Products only are counted: no normalizations, activations, updates
/// or masks. It is an estimate of work, not of time.
package struct TrainingCost: Sendable, Equatable {
  /// A layer with weights.
  package struct Layer: Sendable, Equatable {
    package var name: String
    /// The number of products for one example.
    package var products: Int
    package var weights: Int
    package var isSparse: Bool

    package init(name: String, products: Int, weights: Int, isSparse: Bool) {
      (self.name, self.products, self.weights) = (name, products, weights)
      self.isSparse = isSparse
    }
  }

  package var layers: [Layer]
  package var sparsity: Double
  package var gradientSparsity: Double
  /// The share of the presentations of examples that remain.
  package var dataShare: Double

  package init(
    layers: [Layer], sparsity: Double, gradientSparsity: Double, dataShare: Double = 1
  ) {
    self.layers = layers
    (self.sparsity, self.gradientSparsity) = (sparsity, gradientSparsity)
    self.dataShare = dataShare
  }

  /// The products of a forward pass of one example without masks.
  package var forwardProducts: Int { layers.reduce(0) { $0 + $1.products } }
  /// The share of these that belongs to dense layers.
  package var denseShare: Double {
    let dense = layers.reduce(0) { $0 + ($1.isSparse ? 0 : $1.products) }
    return Double(dense) / Double(max(1, forwardProducts))
  }

  /// The products of a layer in a step for one example.
  package func products(of layer: Layer) -> Double {
    let sparse = 2 * (1 - sparsity) + (1 - gradientSparsity)
    return Double(layer.products) * (layer.isSparse ? sparse : 3)
  }

  /// The products of a step of a dense network over those of the sparse one.
  package var ratio: Double {
    3 * Double(forwardProducts) / layers.reduce(0) { $0 + products(of: $1) }
  }
  /// The same with the examples that leave the training.
  package var ratioWithData: Double { ratio / dataShare }
  /// The ratio if every layer were sparse.
  package var ratioIfAllSparse: Double { 3 / (2 * (1 - sparsity) + (1 - gradientSparsity)) }

  /// Returns the share of the presentations that remain if a share of the examples leaves in equal rounds.
  /// - Parameters:
  ///   - epochs: The epochs of a task.
  ///   - rounds: The epochs, counted from 0, before which examples leave.
  package static func dataShare(removing share: Double, epochs: Int, rounds: [Int]) -> Double {
    guard !rounds.isEmpty, epochs > 0 else { return 1 }
    let lost = rounds.reduce(0.0) {
      $0 + share / Double(rounds.count) * Double(max(0, epochs - $1))
    }
    return 1 - lost / Double(epochs)
  }
}
