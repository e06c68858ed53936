/// The parts of a network for drivers that run it block by block.
extension Network {
  /// Returns the prefix of the names of the tensors of a block.
  package func blockPrefix(_ index: Int) -> String { prefix + family.blockName + "\(index)." }

  /// Returns the input of the output layer, shape `[tokens, hidden size]`.
  package func normalized(
    _ hidden: Value<Scalar>, _ run: Run<Scalar>
  ) throws -> Value<Scalar> {
    try family.last(hidden, Scope(run, prefix))
  }

  /// Returns the weight of the output layer, shape `[vocabulary, hidden size]`: the embedding table if the model ties them.
  /// - Parameter embedding: The name of the embedding table after the prefix.
  func outputWeight(embedding: String) throws -> any Parameter<Scalar> {
    let shape = [configuration.vocabularySize, configuration.hiddenSize]
    // The output layer is outside of the part that the prefix names.
    return configuration.tiesEmbeddings
      ? try parameter(prefix + embedding, shape) : try parameter(outputName, shape)
  }

  /// Returns the name of the weight of the output layer.
  package func outputWeightName() throws -> String {
    try outputWeight(embedding: family.embeddingName).name
  }

  /// Returns the rows of the output layer for some tokens of the vocabulary.
  package func outputRows(
    _ tokens: Range<Int>, _ compute: Compute
  ) throws -> ResidentParameter<Scalar> {
    let weight = try outputWeight(embedding: family.embeddingName)
    let width = weight.shape[1]
    return ResidentParameter(
      weight.name,
      try compute.read(
        weight, tokens.lowerBound * width..<tokens.upperBound * width,
        shape: [tokens.count, width]))
  }

  /// Returns logits for some tokens of the vocabulary, shape `[tokens, tile]`.
  /// - Parameters:
  ///   - last: The result of ``normalized(_:_:)``.
  ///   - tile: The result of ``outputRows(_:_:)``.
  package func logits(
    _ last: Value<Scalar>, _ tile: ResidentParameter<Scalar>, _ run: Run<Scalar>
  ) throws -> Value<Scalar> {
    let logits = try run.tape.apply(Linear(), [last], [tile])
    guard let cap = configuration.finalSoftcap else { return logits }
    return try run.tape.apply(Softcap(cap), [logits])
  }
}
