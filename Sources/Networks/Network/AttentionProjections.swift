import Base

/// The tensors that hold the projections of an attention, named after the prefix of their block.
package enum AttentionLayout: Sendable {
  /// `q_proj`, `k_proj`, `v_proj` and `o_proj` after a prefix, with the outputs first.
  case separate(String)
  /// Queries, keys and values in one tensor, with the outputs first.
  case joined(String, output: String)
  /// Queries, keys and values in one tensor, with the inputs first.
  case transposed(String, output: String)
}

/// The projections of the attention of a block without their biases: a row for each dimension of each head.
///
/// For hidden states x, the queries are x · queriesᵀ, and the heads' results y are added to the hidden states as
/// y · output. Heads of a group share rows of keys and values.
package struct AttentionProjections<Scalar: NetworkScalar>: Sendable {
  /// Shape `[heads · d, hidden size]`.
  package let queries: Value<Scalar>
  /// Shape `[groups · d, hidden size]`.
  package let keys: Value<Scalar>
  /// Shape `[groups · d, hidden size]`.
  package let values: Value<Scalar>
  /// Shape `[heads · d, hidden size]`.
  package let output: Value<Scalar>
}

extension Network {
  /// True if ``attentionProjections(of:_:)`` can be called.
  package var hasAttentionHeads: Bool { family.attentionLayout != nil }

  /// Returns the projections of the attention of a block.
  /// - Throws: ``UsageError`` if the family has none, or the error of reading a tensor.
  package func attentionProjections(
    of block: Int, _ compute: Compute
  ) throws -> AttentionProjections<Scalar> {
    let c = configuration
    let (heads, groups, width) = (
      c.headCount * c.headDim, c.keyValueHeadCount * c.headDim, c.hiddenSize
    )
    let prefix = blockPrefix(block)
    func whole(_ name: String, _ shape: [Int]) throws -> Value<Scalar> {
      try compute.whole(parameter(prefix + name + ".weight", shape))
    }
    switch family.attentionLayout {
    case .separate(let part):
      return AttentionProjections(
        queries: try whole(part + "q_proj", [heads, width]),
        keys: try whole(part + "k_proj", [groups, width]),
        values: try whole(part + "v_proj", [groups, width]),
        output: try whole(part + "o_proj", [width, heads]).transposed(in: compute.arena))
    case .joined(let name, let output):
      let all = try parameter(prefix + name + ".weight", [heads + 2 * groups, width])
      func rows(_ first: Int, _ count: Int) throws -> Value<Scalar> {
        try compute.read(all, first * width..<(first + count) * width, shape: [count, width])
      }
      return AttentionProjections(
        queries: try rows(0, heads), keys: try rows(heads, groups),
        values: try rows(heads + groups, groups),
        output: try whole(output, [width, heads]).transposed(in: compute.arena))
    case .transposed(let name, let output):
      let all = try whole(name, [width, heads + 2 * groups])
      func columns(_ first: Int, _ count: Int) -> Value<Scalar> {
        all.transposed(columns: first..<first + count, in: compute.arena)
      }
      return AttentionProjections(
        queries: columns(0, heads), keys: columns(heads, groups),
        values: columns(heads + groups, groups), output: try whole(output, [heads, width]))
    case nil:
      throw UsageError(
        "\(path.printable) is of the type '\(c.modelType.printable)', which has no causal attention "
          + "of heads", hint: "name a language model")
    }
  }

  /// Returns rows of the embedding table for some tokens of the vocabulary, shape `[tokens, hidden size]`.
  package func embeddingRows(_ tokens: Range<Int>, _ compute: Compute) throws -> Value<Scalar> {
    let width = configuration.hiddenSize
    let table = try parameter(
      prefix + family.embeddingName, [configuration.vocabularySize, width])
    return try compute.read(
      table, tokens.lowerBound * width..<tokens.upperBound * width, shape: [tokens.count, width])
  }
}

extension Value {
  /// Returns the transpose of some columns of a matrix; of all by default.
  fileprivate func transposed(columns range: Range<Int>? = nil, in arena: Arena) -> Value {
    let range = range ?? 0..<columns
    let (rows, width) = (rows, columns)
    let result = Value([range.count, rows], in: arena)
    guard !arena.isCounting else { return result }
    let source = span
    var target = result.mutableSpan
    for row in 0..<rows {
      for column in range {
        target[(column - range.lowerBound) * rows + row] = source[row * width + column]
      }
    }
    return result
  }
}
