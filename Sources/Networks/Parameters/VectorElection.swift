/// A rule for the values of task vectors that count: those of large magnitude with the elected sign.
///
/// A value of vector k is kept if |τₖ| ≥ thresholds[k]. Of the kept values of one place, those count that have the sign of
/// their plain sum. Source: Yadav et al., "TIES-Merging", NeurIPS 2023, in the form of the code of AdaMerging++.
package struct VectorElection: Sendable, Equatable {
  package var thresholds: [Float]
  /// True if negative values count where the sum is 0.
  package var zeroIsNegative: Bool

  package init(thresholds: [Float], zeroIsNegative: Bool) {
    self.thresholds = thresholds
    self.zeroIsNegative = zeroIsNegative
  }
}

/// Loops over task vectors that are stored one after another.
enum VectorLoops {
  /// Computes target[place] += Σ coefficientₖ · vectorₖ.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  static func add<S: NetworkScalar>(
    _ vectors: Memory<S>, times coefficients: [S], to target: Memory<S>, at place: Range<Int>
  ) {
    let x = vectors.span
    var sum = target.mutableSpan
    for (number, coefficient) in coefficients.enumerated() {
      let offset = number * place.count - place.lowerBound
      let end = (number + 1) * place.count
      sum.add(place) { x.lanes($0 + offset, end: end) * coefficient }
    }
  }

  /// Subtracts the base from each vector.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  static func subtract<S: NetworkScalar>(
    _ base: Memory<S>, at index: Int, from vectors: Memory<S>, count: Int, vectorCount: Int
  ) {
    let (b, x) = (base.span, vectors.span)
    var y = vectors.mutableSpan
    for number in 0..<vectorCount {
      let range = number * count..<(number + 1) * count
      y.fill(range) {
        x.lanes($0, end: range.upperBound)
          - b.lanes($0 - range.lowerBound + index, end: index + count)
      }
    }
  }

  /// Sets the values that do not count to 0.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  static func elect<S: NetworkScalar>(
    _ vectors: Memory<S>, count: Int, _ election: VectorElection, vectorCount: Int
  ) {
    let x = vectors.span
    var y = vectors.mutableSpan
    // A threshold is the float32 nearest to a magnitude, which may be less than that in float64.
    let thresholds = election.thresholds.map { S(S.self == Float.self ? $0 : $0.nextDown) }
    for index in stride(from: 0, to: count, by: Lanes.count) {
      var sum = SIMD16<S>(repeating: 0)
      for number in 0..<vectorCount {
        let value = x.lanes(number * count + index, end: (number + 1) * count)
        let size = value.replacing(with: -value, where: value .< 0)
        let kept = value.replacing(with: 0, where: size .< thresholds[number])
        y.set(kept, number * count + index, end: (number + 1) * count)
        sum += kept
      }
      let isNegative = (sum .< 0) .| (election.zeroIsNegative ? sum .== 0 : sum .< 0)
      for number in 0..<vectorCount {
        let value = x.lanes(number * count + index, end: (number + 1) * count)
        let differs = (value .< 0) .^ isNegative
        y.set(
          value.replacing(with: 0, where: differs), number * count + index,
          end: (number + 1) * count)
      }
    }
  }

  /// Returns Σ gradient[elements] · vectorₖ for each vector.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  static func products<S: NetworkScalar>(
    of gradient: Value<S>, _ elements: Range<Int>, _ vectors: Memory<S>, vectorCount: Int
  ) -> [Double] {
    let (g, x) = (gradient.span, vectors.span)
    let count = elements.count
    // Rows of some lanes are added in their own type, and rows in float64.
    let row = 1 << 10
    return (0..<vectorCount).map { number in
      let offset = number * count - elements.lowerBound
      var total = 0.0
      for start in stride(from: elements.lowerBound, to: elements.upperBound, by: row) {
        let range = start..<min(elements.upperBound, start + row)
        total += Double(
          g.sum(range) { g, index in g * x.lanes(index + offset, end: (number + 1) * count) })
      }
      return total
    }
  }
}
