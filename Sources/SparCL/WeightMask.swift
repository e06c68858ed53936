/// The importance of weights to learned and current tasks, and the masks that follow from it.
///
/// Source: Wang et al., "SparCL: sparse continual learning on the edge", NeurIPS 2022, section 3.2, equation (1), with the
/// conventions of the authors' code.
package enum WeightMask {
  /// A gradient and its factor in the importance.
  package struct Term<R: WeightNumber>: Sendable {
    package let factor: Double
    package let gradient: [R]

    package init(factor: Double, gradient: [R]) {
      self.factor = factor
      self.gradient = gradient
    }
  }

  /// Weights that are kept or dropped together.
  package enum Grouping: String, CaseIterable, Codable, Sendable {
    /// Each weight by itself.
    case irregular
    /// All weights of an output, ranked by the norm of their values.
    case filter
  }

  /// Returns |w| + Σ factor · |gradient|, computed in the type of the weights.
  @_specialize(where R == Float)
  @_specialize(where R == Double)
  package static func importance<R: WeightNumber>(_ weights: [R], _ terms: [Term<R>]) -> [R] {
    var result = weights.map { $0.magnitude }
    for term in terms {
      precondition(term.gradient.count == weights.count)
      let factor = R(term.factor)
      for index in result.indices { result[index] += factor * term.gradient[index].magnitude }
    }
    return result
  }

  /// Returns a mask of the weights with an importance above the percentile of `sparsity`.
  ///
  /// Weights that equal the percentile are dropped, so that fewer remain if there are ties. A layer that has more zeros
  /// than the sparsity keeps all others.
  @_specialize(where R == Float)
  @_specialize(where R == Double)
  package static func mask<R: WeightNumber>(
    _ importance: [R], sparsity: Double
  ) -> (mask: [Bool], threshold: R) {
    guard !importance.isEmpty else { return ([], 0) }
    let threshold = Percentile.value(sparsity, of: importance)
    return (importance.map { $0 > threshold }, threshold)
  }

  /// Returns a mask of the outputs whose weights have a norm above the percentile of `sparsity`.
  /// - Parameter outputs: The number of rows of `weights`.
  @_specialize(where R == Float)
  @_specialize(where R == Double)
  package static func filterMask<R: WeightNumber>(
    _ weights: [R], outputs: Int, sparsity: Double
  ) -> (mask: [Bool], threshold: R) {
    guard !weights.isEmpty, outputs > 0 else { return ([], 0) }
    let width = weights.count / outputs
    let norms = (0..<outputs).map { row in
      R(
        weights[row * width..<(row + 1) * width].reduce(0.0) { $0 + Double($1) * Double($1) }
          .squareRoot())
    }
    let (rows, threshold) = mask(norms, sparsity: sparsity)
    return (weights.indices.map { rows[$0 / width] }, threshold)
  }

  /// Returns the number of masked places of a layer that may be used again: zeros − ⌊upper · weights⌋, at most all zeros.
  ///
  /// Zeros are counted by value: a place that was added before and is still 0 counts as free.
  package static func growthCount(zeros: Int, weights: Int, upper: Double) -> Int {
    let count = Double(zeros) - upper * Double(weights)
    return min(zeros, max(0, Int(count)))  // fits: between the two numbers of weights
  }

  /// The places that are added to the mask of a pruned layer.
  package enum Growth: Sendable, Equatable {
    /// All places, because the upper sparsity is 0.
    case dense
    /// No place; the mask is that of the weights that are not 0.
    case none
    /// This many of the places with weight 0, at random.
    case random(Int)
  }

  /// Returns the growth of a layer after it was pruned to the sparsity `lower`.
  @_specialize(where R == Float)
  @_specialize(where R == Double)
  package static func growth<R: WeightNumber>(
    _ pruned: [R], lower: Double, upper: Double
  ) -> Growth {
    if upper == 0 { return .dense }
    if upper == lower { return .none }
    let zeros = pruned.count { $0 == 0 }
    return .random(growthCount(zeros: zeros, weights: pruned.count, upper: upper))
  }

  /// A reason for which places are not those of a growth.
  package struct GrowthFault: Error, Equatable {
    /// A text that states what was found and what was expected.
    package let reason: String
  }

  /// Returns the mask after a growth at given places: the weights that are not 0, and the places, whose weight stays 0.
  /// - Parameter count: The number of places by which the layer grows.
  /// - Throws: ``GrowthFault`` unless the places are `count` different ones with weight 0.
  @_specialize(where R == Float)
  @_specialize(where R == Double)
  package static func grown<R: WeightNumber>(
    _ pruned: [R], by count: Int, at places: [Int]
  ) throws(GrowthFault) -> [Bool] {
    guard places.count == count else {
      throw GrowthFault(reason: "has \(places.count) places, but the layer grows by \(count)")
    }
    var mask = pruned.map { $0 != 0 }
    for (index, place) in places.enumerated() {
      guard pruned.indices.contains(place), pruned[place] == 0 else {
        throw GrowthFault(
          reason: "element \(index) is \(place), expected the place of a weight that is 0")
      }
      guard !mask[place] else {
        throw GrowthFault(
          reason: "element \(index) is \(place), which is there twice, expected different places")
      }
      mask[place] = true
    }
    return mask
  }

  /// Returns the mask after a growth: the weights that are not 0, and the places that are added, whose weight stays 0.
  /// - Parameter draw: Returns a random number below its first argument; the second one counts the draws.
  @_specialize(where R == Float)
  @_specialize(where R == Double)
  package static func grown<R: WeightNumber>(
    _ pruned: [R], _ growth: Growth, draw: (_ bound: Int, _ index: Int) -> Int
  ) -> (mask: [Bool], added: [Int]) {
    var mask = pruned.map { $0 != 0 }
    switch growth {
    case .dense:
      return (
        Array(repeating: true, count: pruned.count), pruned.indices.filter { pruned[$0] == 0 }
      )
    case .none: return (mask, [])
    case .random(let count):
      var places = pruned.indices.filter { pruned[$0] == 0 }
      for index in 0..<count {
        places.swapAt(index, index + draw(places.count - index, index))
        mask[places[index]] = true
      }
      return (mask, Array(places[..<count]))
    }
  }
}
