/// Matrix products as plain loops.
enum PlainProducts {
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  static func multiply<S: NetworkScalar>(
    _ a: Matrix<S>, _ b: Matrix<S>, scale: S, adding: Bool, into c: Matrix<S>
  ) {
    let (x, y) = (a.memory.span, b.memory.span)
    var z = c.memory.mutableSpan
    for i in 0..<c.rows {
      for j in 0..<c.columns {
        var sum: S = 0
        for k in 0..<a.columns {
          let left = a.isTransposed ? a.start + k * a.stride + i : a.start + i * a.stride + k
          let right = b.isTransposed ? b.start + j * b.stride + k : b.start + k * b.stride + j
          sum += x[left] * y[right]
        }
        let place = c.start + i * c.stride + j
        z[place] = adding ? z[place] + scale * sum : scale * sum
      }
    }
  }
}
