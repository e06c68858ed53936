extension Attention {
  /// Returns the shares softmax(mask(s q kᵀ)) that queries give to keys, shape `[sequences · heads · queries, keys]`; the
  /// share of a key that a query does not see is 0.
  ///
  /// - Parameters:
  ///   - queries: Shape `[sequences · queries, heads · d]`.
  ///   - keys: Shape `[sequences · keys, groups · d]`.
  /// - Complexity: O(sequences · heads · queries · keys · d) time.
  package func shares<S: NetworkScalar>(
    of queries: Value<S>, _ keys: Value<S>, _ compute: Compute
  ) throws -> Value<S> {
    let sizes = AttentionSizes(
      self, queries: queries.rows / sequenceCount, keys: keys.rows / sequenceCount,
      dim: queries.columns / headCount, valueDim: 0)
    let result = Value<S>(
      [sequenceCount * headCount * sizes.queries, sizes.keys], isZero: true, in: compute.arena)
    let tiles = sizes.tiles
    guard !tiles.isEmpty, !compute.arena.isCounting else { return result }
    try compute.forEach(sequenceCount * headCount * tiles.count) { item in
      let (rest, tile) = item.quotientAndRemainder(dividingBy: tiles.count)
      let (sequence, head) = rest.quotientAndRemainder(dividingBy: headCount)
      let part = AttentionPart(sizes, sequence: sequence, head: head, queries: tiles[tile])
      let firstRow = rest * sizes.queries + part.queries.lowerBound
      let rows = Matrix(
        result.memory, start: firstRow * sizes.keys + part.keys.lowerBound,
        rows: part.queries.count, columns: part.keys.count, stride: sizes.keys)
      part.setScores([queries, keys], rows, compute)
      part.setShares(rows)
    }
    return result
  }
}
