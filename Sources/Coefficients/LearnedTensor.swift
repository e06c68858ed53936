package import Checkpoints

/// A tensor of a merge that has coefficients: that of the base, and those of the models in their order.
package struct LearnedTensor: Sendable {
  package var base: LazyTensor
  package var models: [LazyTensor]

  package init(base: LazyTensor, models: [LazyTensor]) {
    self.base = base
    self.models = models
  }

  package var name: String { base.name }
}
