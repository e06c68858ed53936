/// A tensor that an operation reads or creates. Its memory is freed with the last reference to it.
package final class Value<Scalar: NetworkScalar>: Sendable {
  /// The dimensions, outermost first; none for a single number.
  package let shape: [Int]
  /// The numbers, row by row.
  package let memory: Memory<Scalar>
  /// True if the backward pass computes a gradient for the value.
  package let needsGradient: Bool

  package init(
    _ shape: [Int], needsGradient: Bool = false, isZero: Bool = false, in arena: Arena
  ) {
    self.shape = shape
    self.needsGradient = needsGradient
    memory = Memory(shape.reduce(1, *), isZero: isZero, in: arena)
  }

  /// Creates a value with the given numbers.
  package convenience init(
    _ shape: [Int], _ numbers: [Scalar], needsGradient: Bool = false, in arena: Arena
  ) {
    precondition(numbers.count == shape.reduce(1, *))
    self.init(shape, needsGradient: needsGradient, in: arena)
    if !arena.isCounting { set(numbers) }
  }

  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  private func set(_ numbers: [Scalar]) {
    var target = mutableSpan
    for index in numbers.indices { target[index] = numbers[index] }
  }

  /// Creates a value that shares the memory of another one.
  private init(sharing other: Value, shape: [Int], needsGradient: Bool) {
    precondition(other.count == shape.reduce(1, *))
    self.shape = shape
    self.needsGradient = needsGradient
    memory = other.memory
  }

  /// The number of elements.
  package var count: Int { memory.count }
  /// The size of the last dimension, 1 for a single number.
  package var columns: Int { shape.last ?? 1 }
  /// The product of all dimensions except the last.
  package var rows: Int { shape.dropLast().reduce(1, *) }

  package var span: Span<Scalar> {
    @_lifetime(borrow self) get {
      // SAFETY: self, which the result borrows, keeps its memory.
      let memory = memory
      return unsafe _overrideLifetime(memory.span, borrowing: self)
    }
  }

  /// The numbers, to be written as ``Memory`` describes.
  package var mutableSpan: MutableSpan<Scalar> {
    @_lifetime(borrow self) get {
      // SAFETY: as above.
      let memory = memory
      return unsafe _overrideLifetime(memory.mutableSpan, borrowing: self)
    }
  }

  /// The numbers as an array, for small values.
  package var numbers: [Scalar] { copied() }

  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  private func copied() -> [Scalar] {
    let span = span
    return span.indices.map { span[$0] }
  }

  /// Returns a value with the same memory and no history.
  package func detached(needsGradient: Bool = false) -> Value {
    Value(sharing: self, shape: shape, needsGradient: needsGradient)
  }

  /// Returns the value with other dimensions, as a matrix for a product.
  func matrix(rows: Int? = nil) -> Matrix<Scalar> {
    let rows = rows ?? self.rows
    return Matrix(memory, rows: rows, columns: rows == 0 ? columns : count / rows)
  }
}
