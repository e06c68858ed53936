/// A tensor of a network that is not computed: a weight, a bias, a running mean.
package protocol Parameter<Scalar>: AnyObject, Sendable {
  associatedtype Scalar: NetworkScalar

  /// The name of the tensor.
  var name: String { get }
  var shape: [Int] { get }
  /// True if the backward pass computes a gradient for it.
  var isTrained: Bool { get }
  /// The numbers, if all of them are in memory.
  var resident: Value<Scalar>? { get }
  /// The weights that products use, if others are 0 and are skipped.
  var pattern: SparsePattern? { get }
  /// The number of bytes that reads of up to `elementCount` elements need beside their result.
  func scratchByteCount(elementCount: Int) -> Int
  /// Writes `elements` to `target`, from `index` on. May be called from any thread.
  /// - Throws: `FormatError` if a number is NaN or infinite, or the error of reading the tensor.
  func read(_ elements: Range<Int>, into target: Memory<Scalar>, at index: Int) throws
}

extension Parameter {
  package var count: Int { shape.reduce(1, *) }
  package var pattern: SparsePattern? { nil }
}

extension Compute {
  /// The number of elements of a tile of a parameter that is not in memory.
  static var tileElementCount: Int { 1 << 20 }

  /// Returns ranges of rows, each of about a million elements, that together are all rows of a matrix.
  static func tiles(rows: Int, columns: Int) -> [Range<Int>] {
    let size = max(1, tileElementCount / max(1, columns))
    return stride(from: 0, to: rows, by: size).map { $0..<min(rows, $0 + size) }
  }

  /// Returns all numbers of a parameter.
  package func whole<S: NetworkScalar>(_ parameter: any Parameter<S>) throws -> Value<S> {
    if let resident = parameter.resident { return resident }
    return try read(parameter, 0..<parameter.count, shape: parameter.shape)
  }

  /// Returns some rows of a parameter with two dimensions, as a matrix.
  func rows<S: NetworkScalar>(_ rows: Range<Int>, of parameter: any Parameter<S>) throws -> Matrix<
    S
  > {
    let columns = parameter.shape[1]
    if let resident = parameter.resident { return resident.matrix().rows(rows) }
    let elements = rows.lowerBound * columns..<rows.upperBound * columns
    return try read(parameter, elements, shape: [rows.count, columns]).matrix()
  }

  func read<S: NetworkScalar>(
    _ parameter: any Parameter<S>, _ elements: Range<Int>, shape: [Int]
  ) throws -> Value<S> {
    let value = Value<S>(shape, in: arena)
    try forEachElements(elements.count) { range in
      try parameter.read(
        elements.lowerBound + range.lowerBound..<elements.lowerBound + range.upperBound,
        into: value.memory, at: range.lowerBound)
    }
    return value
  }

  /// Counts the memory of reading parameters, in a counting arena.
  /// - Parameter isTiled: true if the operation reads them tile by tile.
  func countReading<S: NetworkScalar>(_ parameters: [any Parameter<S>], isTiled: Bool) {
    var total = 0
    var scratch = 0
    for parameter in parameters where parameter.resident == nil {
      var elements = parameter.count
      if isTiled, parameter.shape.count == 2 {
        elements = min(elements, max(Self.tileElementCount, parameter.shape[1]))
      }
      total += elements * MemoryLayout<S>.stride
      let piece = min(elements, Self.pieceElementCount)
      scratch = max(scratch, jobs * parameter.scratchByteCount(elementCount: piece))
    }
    arena.add(total + scratch)
    arena.remove(total + scratch)
  }
}
