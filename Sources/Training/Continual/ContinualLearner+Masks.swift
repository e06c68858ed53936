import Networks
import SparCL

/// The masks of weights and gradients.
extension ContinualLearner {
  /// Prunes the layers to the sparsity by magnitude, and masks other tensors that are a tenth or more 0.
  package func prune() throws {
    guard !isDense else { return }
    for parameter in trainer.parameters where recipe.layers.contains(parameter.name) {
      let weights = parameter.value.numbers
      let (mask, _) = WeightMask.mask(
        WeightMask.importance(weights, []), sparsity: recipe.sparsity)
      parameter.set(zip(weights, mask).map { $1 ? $0 : 0 })
      state.masks[parameter.name] = mask
    }
    for parameter in trainer.parameters where recipe.masksZeros {
      let weights = parameter.value.numbers
      let zeros = weights.count { $0 == 0 }
      guard !weights.isEmpty, 10 * zeros >= weights.count else { continue }
      state.masks[parameter.name] = weights.map { $0 != 0 }
    }
    applyMasks()
  }

  /// Makes the values and tables of the masks of the state.
  func applyMasks() {
    (masks, gradientMasks, supports) = ([:], [:], [:])
    for (name, mask) in state.masks { masks[name] = value(mask, name) }
    for (name, mask) in state.gradientMasks { gradientMasks[name] = value(mask, name) }
    for parameter in trainer.parameters where parameter.shape.count > 1 {
      supports[parameter.name] = state.masks[parameter.name].map(Self.support)
    }
  }

  private func value(_ mask: [Bool], _ name: String) -> Value<Scalar> {
    Value([mask.count], mask.map { $0 ? 1 : 0 }, in: compute.arena)
  }

  private static func support(_ mask: [Bool]) -> SparseSupport {
    SparseSupport(mask.indices.filter { mask[$0] }.map { UInt32($0) }, of: mask.count)
  }

  /// Lets products skip masked weights, and the gradients of weights that do not change in this step.
  /// - Parameter isRenewing: True if the gradients of all kept weights are needed.
  func setPatterns(isRenewing: Bool) {
    for parameter in trainer.parameters {
      guard let kept = supports[parameter.name] else { continue }
      if isRenewing || parameter.pattern == nil {
        parameter.pattern = SparsePattern(kept: kept, trained: kept)
      } else if let mask = state.gradientMasks[parameter.name],
        parameter.pattern?.trained === parameter.pattern?.kept
      {
        parameter.pattern = SparsePattern(kept: kept, trained: Self.support(mask))
      }
    }
  }

  /// The change of the mask of a layer.
  package struct MaskChange: Sendable {
    package var name: String
    package var kept: Int
    package var weights: Int
    /// The places that were added at random.
    package var grown: Int
    /// The places of the mask before that are not in the new one.
    package var dropped: Int
  }

  /// Changes the masks at the start of an epoch.
  func updateMasks() throws -> [MaskChange] {
    guard recipe.masks == .dynamic, let bounds = recipe.schedule.bounds(ofEpoch: state.epoch) else {
      return []
    }
    var changes: [MaskChange] = []
    for parameter in trainer.parameters where recipe.layers.contains(parameter.name) {
      let (name, weights) = (parameter.name, parameter.value.numbers)
      let terms = state.gradients[name].map {
        [WeightMask.Term(factor: recipe.importanceFactor, gradient: $0)]
      }
      let (kept, _) = WeightMask.mask(
        WeightMask.importance(weights, terms ?? []), sparsity: bounds.lower)
      let pruned = zip(weights, kept).map { $1 ? $0 : Scalar(0) }
      parameter.set(pruned)
      let growth = WeightMask.growth(pruned, lower: bounds.lower, upper: bounds.upper)
      let (mask, added) = try draws.grown(name, update: state.updateCount, pruned, growth)
      let before = state.masks[name] ?? []
      changes.append(
        MaskChange(
          name: name, kept: mask.count { $0 }, weights: mask.count, grown: added.count,
          dropped: zip(before, mask).count { $0 && !$1 }))
      state.masks[name] = mask
    }
    state.updateCount += 1
    applyMasks()
    for parameter in trainer.parameters { parameter.pattern = nil }
    return changes
  }

  /// Clears the gradients of masked weights and those outside of the gradient mask, which is made anew at times.
  func mask(_ gradient: Value<Scalar>, of name: String, isRenewing: Bool) throws {
    guard let mask = masks[name] else { return }
    if isRenewing, let sparsity = recipe.gradientSparsity {
      var numbers = gradient.numbers
      let (kept, _) = GradientMask.apply(
        to: &numbers, weights: state.masks[name], sparsity: sparsity)
      state.gradientMasks[name] = kept
      gradientMasks[name] = value(kept, name)
    }
    try compute.multiply(gradient, by: gradientMasks[name] ?? mask)
  }
}
