import Base

/// The input of a network.
package enum NetworkInput<Scalar: NetworkScalar>: Sendable {
  /// The tokens of all windows, one window after another.
  case tokens([Int32])
  /// Images, shape `[images, channels, height, width]`, or examples of another shape, prepared as the model expects.
  case images(Value<Scalar>)
}

extension Scope {
  /// Returns the tokens of an input.
  /// - Throws: ``UsageError`` if the input has another kind or another number of tokens than the windows.
  func tokens(_ input: NetworkInput<Scalar>) throws -> [Int32] {
    guard case .tokens(let ids) = input, ids.count == windows.tokenCount else {
      throw UsageError(
        "a model of type '\(configuration.modelType)' reads text, expected \(windows.tokenCount) tokens"
      )
    }
    return ids
  }

  /// Returns the images of an input.
  /// - Throws: ``UsageError`` if the input has another kind or shape.
  func images(_ input: NetworkInput<Scalar>, _ settings: ImageSettings) throws -> Value<Scalar> {
    let shape = [windows.sequenceCount, settings.channelCount, settings.size, settings.size]
    guard case .images(let images) = input, images.shape == shape else {
      throw UsageError(
        "a model of type '\(configuration.modelType)' reads images of the shape \(shape)")
    }
    return images
  }
}
