/// Sums over the places of channels, for values `[images, channels, …]`.
extension Compute {
  /// Adds to all places of each channel its number in `shifts`.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  func addChannels<S: NetworkScalar>(_ shifts: Value<S>, to value: Value<S>) throws {
    let channels = shifts.count
    let places = value.count / max(1, value.shape[0] * channels)
    try forEachRows(value.shape[0] * channels, columns: places) { rows in
      let source = shifts.span
      var y = value.mutableSpan
      for row in rows {
        let shift = SIMD16(repeating: source[row % channels])
        y.add(row * places..<(row + 1) * places) { _ in shift }
      }
    }
  }

  /// Adds the sum over the places of each channel to its number in `target`, image by image.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  func addChannelSums<S: NetworkScalar>(of value: Value<S>, to target: Value<S>) throws {
    let (images, channels) = (value.shape[0], target.count)
    let places = value.count / max(1, images * channels)
    try forEach(channels) { channel in
      let source = value.span
      var sums = target.mutableSpan
      for image in 0..<images {
        let start = (image * channels + channel) * places
        sums[channel] += source.sum(start..<start + places)
      }
    }
  }

  /// Adds parts of the size of `target`, which follow each other in memory, in order.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  func addParts<S: NetworkScalar>(of parts: Memory<S>, to target: Value<S>) throws {
    let size = max(1, target.count)
    try forEachElements(target.count) { range in
      let source = parts.span
      var sum = target.mutableSpan
      for start in stride(from: 0, to: source.count, by: size) {
        sum.add(range) { source.lanes(start + $0, end: start + range.upperBound) }
      }
    }
  }
}
