/// The tokens of image encoders: a class token and one token for each patch.
extension Scope {
  /// Returns the tokens of images, those of each image after its class token, shape
  /// `[images · (patches + 1), hidden size]`.
  /// - Parameters:
  ///   - kernels: The name of the kernels that read the patches, after the prefix.
  ///   - classToken: The name of the embedding of class tokens, after the prefix.
  func imageTokens(
    _ input: NetworkInput<Scalar>, kernels: String, classToken: String
  ) throws -> Value<Scalar> {
    guard let image = configuration.image else {
      preconditionFailure("the facts of the family say that it reads images")
    }
    let width = configuration.hiddenSize
    let patches = try tape.apply(
      PatchEmbedding(), [images(input, image)],
      [parameter(kernels, width, image.channelCount, image.patchSize, image.patchSize)])
    return try tape.apply(
      FirstRow(sequenceCount: windows.sequenceCount), [patches], [parameter(classToken, width)])
  }

  /// Returns the class token of each image, shape `[images, hidden size]`.
  func classTokens(_ x: Value<Scalar>) throws -> Value<Scalar> {
    try tape.apply(RowSelection((0..<windows.sequenceCount).map { $0 * windows.length }), [x])
  }
}
