/// The weights of a convolution with inputs and outputs exchanged and the kernels turned around: w′[c, o, k] =
/// w[o, c, size − 1 − k].
struct MirroredWeight: Sendable {
  let outputs: Int
  let inputs: Int
  /// The number of places of a kernel.
  let size: Int

  /// - Parameter shape: That of w, `[out, in, kernel…]`.
  init(_ shape: [Int]) {
    (outputs, inputs) = (shape[0], shape[1])
    size = shape.dropFirst(2).reduce(1, *)
  }

  /// Writes w′, shape `[in, out, kernel…]`.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  func mirror<S: NetworkScalar>(_ weight: Value<S>, into memory: Memory<S>) {
    let source = weight.span
    var target = memory.mutableSpan
    for output in 0..<outputs {
      for input in 0..<inputs {
        let start = (output * inputs + input) * size
        let last = (input * outputs + output + 1) * size - 1
        for place in 0..<size { target[last - place] = source[start + place] }
      }
    }
  }

  /// Adds w′ to w.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  func addMirrored<S: NetworkScalar>(_ mirrored: Memory<S>, to weight: Value<S>) {
    let source = mirrored.span
    var target = weight.mutableSpan
    for output in 0..<outputs {
      for input in 0..<inputs {
        let start = (output * inputs + input) * size
        let last = (input * outputs + output + 1) * size - 1
        for place in 0..<size { target[start + place] += source[last - place] }
      }
    }
  }
}
