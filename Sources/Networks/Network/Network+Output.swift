/// The whole network at once, for drivers that keep the values of all blocks.
extension Network {
  /// Returns the output of the network for an input.
  ///
  /// Tables of positions that need a gradient pass it on through the segments.
  /// - Parameters:
  ///   - usesSegments: True to compute the values of each block again in the backward pass, which saves their memory and
  ///     changes no bit.
  ///   - observer: Receives values once, even if a block is computed again.
  package func output(
    of input: NetworkInput<Scalar>, _ positions: Positions<Scalar>, _ tape: Tape<Scalar>,
    usesSegments: Bool, observer: Observer<Scalar> = Observer()
  ) throws -> Value<Scalar> {
    let run = Run(self, tape, positions, observer: observer)
    let tables = positions.tables.filter(\.needsGradient)
    var hidden = try embed(input, run)
    for index in 0..<layerCount {
      guard usesSegments, tape.isRecording else {
        hidden = try block(index, hidden, run)
        continue
      }
      hidden = try tape.segment([hidden] + tables) { inner, inputs in
        // The first pass of a segment does not record; the second one must not show a value again.
        let observer = inner.isRecording ? observer.unseeing : observer
        return try self.block(index, inputs[0], Run(self, inner, positions, observer: observer))
      }
    }
    return try head(hidden, run)
  }
}

extension Observer {
  /// An observer under which a run computes the same, but that receives nothing.
  fileprivate var unseeing: Observer {
    var result = Observer()
    result.cache = cache
    if batch != nil { result.batch = { _, _ in } }
    return result
  }
}
