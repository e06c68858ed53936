import Synchronization

/// Sums over whole values, in float64. Their order depends on shapes alone.
extension Compute {
  /// Returns true if no number is NaN or infinite.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func isFinite<S: NetworkScalar>(_ x: Value<S>) throws -> Bool {
    // A sum of zeros times numbers is NaN if one of them is not finite.
    try sum(x, x) { x, _ in x * 0 } == 0
  }

  /// Returns ‖x‖².
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func squaredNorm<S: NetworkScalar>(_ x: Value<S>) throws -> Double {
    try sum(x, x) { x, _ in x * x }
  }

  /// Returns ‖x − y‖².
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  package func squaredDistance<S: NetworkScalar>(
    _ x: Value<S>, _ y: Value<S>
  ) throws -> Double {
    try sum(x, y) { x, y in (x - y) * (x - y) }
  }

  /// The number of numbers that are added in their own type.
  private static let runCount = 1 << 12

  /// Returns the sum of what `body` returns for the numbers of two values: by runs in their own type, then in float64.
  @inline(__always)
  private func sum<S: NetworkScalar>(
    _ x: Value<S>, _ y: Value<S>, _ body: @Sendable (SIMD16<S>, SIMD16<S>) -> SIMD16<S>
  ) throws -> Double {
    let count = x.count
    let sums = try map((count + Self.runCount - 1) / Self.runCount) { run in
      let range = run * Self.runCount..<min(count, (run + 1) * Self.runCount)
      let (a, b) = (x.span, y.span)
      return Double(
        a.sum(range) { lanes, index in body(lanes, b.lanes(index, end: range.upperBound)) })
    }
    return sums.reduce(0, +)
  }
}

extension Compute {
  /// Returns what `body` returns for each index below `count`, from all workers.
  func map<T: Sendable>(_ count: Int, _ body: @Sendable (Int) throws -> T) throws -> [T] {
    let results = Mutex([T?](repeating: nil, count: count))
    try forEach(count) { index in
      let result = try body(index)
      results.withLock { $0[index] = result }
    }
    return results.withLock { $0 }.compactMap(\.self)
  }
}
