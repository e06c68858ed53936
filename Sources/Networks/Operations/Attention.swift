/// Scaled dot-product attention of grouped heads: softmax(mask(s q kᵀ)) v for each head.
///
/// Inputs q `[sequences · queries, heads · d]`, k `[sequences · keys, groups · d]`, v `[sequences · keys, groups · e]`;
/// output `[sequences · queries, heads · e]`. Head h reads group h / (heads / groups). The queries of a sequence are
/// its last positions. A query without a visible key has the output 0.
/// Sources: Vaswani et al., "Attention is all you need"; Ainslie et al., "GQA".
/// - Complexity: O(sequences · heads · queries · keys · d) time; each worker needs memory for the scores of 64 queries.
package struct Attention: Operation {
  package static let name = "attention"

  /// The keys that a query sees.
  package struct Mask: Sendable, Equatable {
    /// True if a query sees no key after its own position.
    package var isCausal = true
    /// The number of keys that a query sees: its own and those before it. Nil if there is no limit.
    package var window: Int?
    /// The number of keys in each sequence without its padding; nil if there is none.
    package var lengths: [Int]?

    package init(isCausal: Bool = true, window: Int? = nil, lengths: [Int]? = nil) {
      self.isCausal = isCausal
      self.window = window
      self.lengths = lengths
    }
  }

  package let headCount: Int
  package let groupCount: Int
  /// The number of sequences that the rows of the inputs hold.
  package let sequenceCount: Int
  package let scale: Double
  /// The bound c of the scores, which are c tanh(score / c) before the mask; nil if there is none.
  package let softcap: Double?
  package let mask: Mask

  package init(
    headCount: Int, groupCount: Int, sequenceCount: Int = 1, scale: Double, softcap: Double? = nil,
    mask: Mask = Mask()
  ) {
    self.headCount = headCount
    self.groupCount = groupCount
    self.sequenceCount = sequenceCount
    self.scale = scale
    self.softcap = softcap
    self.mask = mask
  }

  package func shape(inputs: [[Int]], weights: [[Int]]) throws -> [Int] {
    guard inputs.count == 3, weights.isEmpty, inputs.allSatisfy({ $0.count == 2 }),
      sequenceCount > 0, groupCount > 0, headCount % groupCount == 0,
      inputs[0][1] % headCount == 0, inputs[1][1] % groupCount == 0,
      inputs[0][1] / headCount == inputs[1][1] / groupCount, inputs[2][1] % groupCount == 0,
      inputs[1][0] == inputs[2][0], inputs[0][0] % sequenceCount == 0,
      inputs[1][0] % sequenceCount == 0, inputs[0][0] <= inputs[1][0],
      mask.lengths.map({ lengths in
        let keys = inputs[1][0] / sequenceCount
        return lengths.count == sequenceCount && lengths.allSatisfy { (0...keys).contains($0) }
      }) ?? true
    else {
      throw ShapeFault(
        Self.name,
        "expected q [n, \(headCount) d], k [m, \(groupCount) d], v [m, \(groupCount) e] with n ≤ m",
        inputs, weights)
    }
    return [inputs[0][0], inputs[2][1] / groupCount * headCount]
  }

  /// The number of queries whose scores are in memory at the same time.
  static let tileRowCount = 64

  package func scratchCount(
    inputs: [[Int]], weights: [[Int]], isBackward: Bool, jobs: Int
  ) -> Int {
    let tile = min(Self.tileRowCount, inputs[0][0] / sequenceCount)
    return jobs * tile * (inputs[1][0] / sequenceCount) * (isBackward ? 3 : 1)
  }

  /// Returns the sizes of the inputs.
  func sizes<S: NetworkScalar>(_ inputs: [Value<S>]) -> AttentionSizes {
    AttentionSizes(
      self, queries: inputs[0].rows / sequenceCount, keys: inputs[1].rows / sequenceCount,
      dim: inputs[0].columns / headCount, valueDim: inputs[2].columns / groupCount)
  }

  package func forward<S: NetworkScalar>(_ pass: ForwardPass<S>) throws {
    let sizes = sizes(pass.inputs)
    let (compute, tiles) = (pass.compute, sizes.tiles)
    guard !tiles.isEmpty else { return }
    try compute.forEach(sequenceCount * headCount * tiles.count) { item in
      let (rest, tile) = item.quotientAndRemainder(dividingBy: tiles.count)
      let (sequence, head) = rest.quotientAndRemainder(dividingBy: headCount)
      let part = AttentionPart(sizes, sequence: sequence, head: head, queries: tiles[tile])
      let scores: Memory<S> = compute.scratch(part.queries.count * part.keys.count)
      let shares = part.matrix(scores)
      part.setScores(pass.inputs, shares, compute)
      part.setShares(shares)
      compute.multiplyHere(
        shares, part.keyRows(pass.inputs[2], sizes.valueDim),
        into: part.queryRows(pass.output, sizes.valueDim))
    }
  }

  package func backward<S: NetworkScalar>(_ pass: BackwardPass<S>) throws {
    let sizes = sizes(pass.inputs)
    // Heads of a group add to the same gradients, one after another.
    try pass.compute.forEach(sequenceCount * groupCount) { item in
      let (sequence, group) = item.quotientAndRemainder(dividingBy: groupCount)
      for head in group * sizes.groupSize..<(group + 1) * sizes.groupSize {
        for tile in sizes.tiles {
          AttentionPart(sizes, sequence: sequence, head: head, queries: tile).addGradients(pass)
        }
      }
    }
  }

  package static let examples: [OperationExample] = {
    func example(
      _ heads: Int, _ groups: Int, queries: Int, keys: Int, sequences: Int = 1, dim: Int,
      softcap: Double? = nil, _ mask: Mask = Mask()
    ) -> OperationExample {
      OperationExample(
        Attention(
          headCount: heads, groupCount: groups, sequenceCount: sequences, scale: 0.3,
          softcap: softcap, mask: mask),
        [
          [sequences * queries, heads * dim], [sequences * keys, groups * dim],
          [sequences * keys, groups * (dim + 1)],
        ])
    }
    return [
      example(2, 2, queries: 5, keys: 5, dim: 4),
      example(1, 1, queries: 1, keys: 1, dim: 1),
      example(6, 2, queries: 7, keys: 7, sequences: 2, dim: 3, Mask(window: 3)),
      example(2, 1, queries: 4, keys: 9, dim: 3, softcap: 2),
      example(
        2, 2, queries: 5, keys: 5, sequences: 2, dim: 3, Mask(isCausal: false, lengths: [3, 0])),
    ]
  }()
}
