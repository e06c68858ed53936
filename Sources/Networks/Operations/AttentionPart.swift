/// The sizes of the inputs of an attention.
struct AttentionSizes: Sendable {
  let operation: Attention
  /// The number of queries and keys of a sequence.
  let queries: Int
  let keys: Int
  /// The size of a head in queries and keys, and in values.
  let dim: Int
  let valueDim: Int
  let groupSize: Int
  /// The queries of a sequence, cut in tiles.
  let tiles: [Range<Int>]

  init(_ operation: Attention, queries: Int, keys: Int, dim: Int, valueDim: Int) {
    self.operation = operation
    (self.queries, self.keys, self.dim, self.valueDim) = (queries, keys, dim, valueDim)
    groupSize = operation.headCount / operation.groupCount
    tiles = stride(from: 0, to: queries, by: Attention.tileRowCount).map {
      $0..<min(queries, $0 + Attention.tileRowCount)
    }
  }

  /// Returns the keys that a query sees.
  func visible(_ query: Int, sequence: Int) -> Range<Int> {
    let position = keys - queries + query
    let mask = operation.mask
    var end = mask.isCausal ? position + 1 : keys
    if let lengths = mask.lengths { end = min(end, lengths[sequence]) }
    let start = mask.window.map { max(0, position - $0 + 1) } ?? 0
    return min(start, end)..<end
  }
}

/// A tile of an attention: some queries of one head.
struct AttentionPart: Sendable {
  let sizes: AttentionSizes
  let sequence: Int
  let head: Int
  let queries: Range<Int>
  /// The keys that any of the queries sees.
  let keys: Range<Int>

  init(_ sizes: AttentionSizes, sequence: Int, head: Int, queries: Range<Int>) {
    self.sizes = sizes
    self.sequence = sequence
    self.head = head
    self.queries = queries
    let first = sizes.visible(queries.lowerBound, sequence: sequence)
    let last = sizes.visible(queries.upperBound - 1, sequence: sequence)
    keys = min(first.lowerBound, last.upperBound)..<last.upperBound
  }

  // MARK: Matrices

  /// The scores of the tile, in scratch memory.
  func matrix<S: NetworkScalar>(_ scores: Memory<S>, _ index: Int = 0) -> Matrix<S> {
    let count = queries.count * keys.count
    return Matrix(
      scores, start: index * count, rows: queries.count, columns: keys.count, stride: keys.count)
  }

  /// The part of queries, outputs or their gradients.
  func queryRows<S: NetworkScalar>(_ value: Value<S>, _ dim: Int) -> Matrix<S> {
    Matrix(
      value.memory,
      start: (sequence * sizes.queries + queries.lowerBound) * value.columns + head * dim,
      rows: queries.count, columns: dim, stride: value.columns)
  }

  /// The part of keys, values or their gradients.
  func keyRows<S: NetworkScalar>(_ value: Value<S>, _ dim: Int) -> Matrix<S> {
    Matrix(
      value.memory,
      start: (sequence * sizes.keys + keys.lowerBound) * value.columns
        + head / sizes.groupSize * dim,
      rows: keys.count, columns: dim, stride: value.columns)
  }

  /// The columns that query `row` of the tile sees.
  private func visible(_ row: Int) -> Range<Int> {
    let range = sizes.visible(queries.lowerBound + row, sequence: sequence)
    return range.lowerBound - keys.lowerBound..<range.upperBound - keys.lowerBound
  }

  // MARK: Forward

  /// Sets the scores s q kᵀ, bounded by the softcap.
  func setScores<S: NetworkScalar>(_ inputs: [Value<S>], _ scores: Matrix<S>, _ compute: Compute) {
    compute.multiplyHere(
      queryRows(inputs[0], sizes.dim), keyRows(inputs[1], sizes.dim).transposed,
      scale: S(sizes.operation.scale), into: scores)
    if let cap = sizes.operation.softcap { bound(scores, cap: S(cap)) }
  }

  @_specialize(where S == Float)
  @_specialize(where S == Double)
  private func bound<S: NetworkScalar>(_ scores: Matrix<S>, cap: S) {
    let source = scores.memory.span
    var target = scores.memory.mutableSpan
    let range = scores.elements
    target.fill(range) { S.tanh(source.lanes($0, end: range.upperBound) / cap) * cap }
  }

  /// Replaces scores by the shares exp(score) / Σ exp(score) of the visible keys, and 0 for the others.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  func setShares<S: NetworkScalar>(_ scores: Matrix<S>) {
    let source = scores.memory.span
    var target = scores.memory.mutableSpan
    for row in 0..<scores.rows {
      let start = scores.start + row * scores.stride
      let visible = visible(row)
      let (lower, upper) = (start + visible.lowerBound, start + visible.upperBound)
      // Whole lanes are faster: keys after the visible ones get the score −∞, whose share is 0.
      let lanes = (visible.count + Lanes.count - 1) / Lanes.count * Lanes.count
      let range = lower..<min(start + scores.columns, lower + lanes)
      target.fill(upper..<range.upperBound) { _ in SIMD16(repeating: -.infinity) }
      let largest = source.largest(range)
      target.fill(range) { S.exp(source.lanes($0, end: range.upperBound) - largest) }
      let factor = 1 / source.sum(range)
      target.fill(range) { source.lanes($0, end: range.upperBound) * factor }
      let zero = SIMD16<S>(repeating: 0)
      target.fill(start..<range.lowerBound) { _ in zero }
      target.fill(range.upperBound..<start + scores.columns) { _ in zero }
    }
  }

  // MARK: Backward

  /// Adds to the gradients of queries, keys and values.
  func addGradients<S: NetworkScalar>(_ pass: BackwardPass<S>) {
    guard !keys.isEmpty else { return }
    let (inputs, compute) = (pass.inputs, pass.compute)
    let count = queries.count * keys.count
    let scratch: Memory<S> = compute.scratch(3 * count)
    let (shares, slopes, capped) = (matrix(scratch), matrix(scratch, 1), matrix(scratch, 2))
    setScores(inputs, shares, compute)
    if sizes.operation.softcap != nil {
      let source = scratch.span
      var target = scratch.mutableSpan
      target.fill(capped.elements) { source.lanes($0 - 2 * count, end: count) }
    }
    setShares(shares)
    let gradient = queryRows(pass.gradient, sizes.valueDim)
    if let target = pass.inputGradients[2] {
      compute.multiplyHere(
        shares.transposed, gradient, adding: true, into: keyRows(target, sizes.valueDim))
    }
    compute.multiplyHere(gradient, keyRows(inputs[2], sizes.valueDim).transposed, into: slopes)
    setSlopes(slopes, shares: shares, capped: capped)
    let scale = S(sizes.operation.scale)
    if let target = pass.inputGradients[0] {
      compute.multiplyHere(
        slopes, keyRows(inputs[1], sizes.dim), scale: scale, adding: true,
        into: queryRows(target, sizes.dim))
    }
    if let target = pass.inputGradients[1] {
      compute.multiplyHere(
        slopes.transposed, queryRows(inputs[0], sizes.dim), scale: scale, adding: true,
        into: keyRows(target, sizes.dim))
    }
  }

  /// Replaces derivatives by shares with derivatives by scores: p (d − Σ p d), times 1 − (score / c)² with a softcap.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  private func setSlopes<S: NetworkScalar>(
    _ slopes: Matrix<S>, shares: Matrix<S>, capped: Matrix<S>
  ) {
    let memory = slopes.memory.span
    var target = slopes.memory.mutableSpan
    for row in 0..<slopes.rows {
      let start = slopes.start + row * slopes.stride
      let range = start..<start + slopes.columns
      let share = shares.start - slopes.start
      let sum = memory.sum(range) { d, index in
        d * memory.lanes(index + share, end: range.upperBound + share)
      }
      let cap = sizes.operation.softcap.map { S($0) }
      target.fill(range) {
        let p = memory.lanes($0 + share, end: range.upperBound + share)
        let slope = p * (memory.lanes($0, end: range.upperBound) - sum)
        guard let cap else { return slope }
        let offset = capped.start - slopes.start
        let t = memory.lanes($0 + offset, end: range.upperBound + offset) / cap
        return slope * (1 - t * t)
      }
    }
  }
}
