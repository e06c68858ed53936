package import TensorCore

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
  /// The grid of chunks that are always decoded as a whole, even for a part of one; nil if parts can be read alone.
  var decodedChunks: ChunkGrid? { get }
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
  package var decodedChunks: ChunkGrid? { nil }
  package var pattern: SparsePattern? { nil }

  /// Divides `elements` into ranges for workers. No chunk is decoded twice.
  func pieces(of elements: Range<Int>) -> [Range<Int>] {
    var pieces: [Range<Int>] = []
    if let decodedChunks {
      decodedChunks.forEachChunk(in: elements) { _, _, wanted in pieces.append(wanted) }
      return pieces
    }
    return stride(from: elements.lowerBound, to: elements.upperBound, by: Compute.pieceElementCount)
      .map { $0..<min(elements.upperBound, $0 + Compute.pieceElementCount) }
  }

  /// The largest number of elements of a piece of `elementCount` elements.
  fileprivate func pieceElementCount(of elementCount: Int) -> Int {
    min(elementCount, decodedChunks?.largestChunk ?? Compute.pieceElementCount)
  }
}

extension Compute {
  /// The largest number of elements of a tile of a parameter that is not in memory, unless a row is longer.
  static var tileElementCount: Int { 1 << 20 }

  /// Returns ranges of rows, each of about a million elements, that together are all rows of a matrix. Each is two chunks
  /// of numbers of 16 bits.
  static func tiles(rows: Int, columns: Int) -> [Range<Int>] {
    let size = max(1, 2 * (tileElementCount / 2 / max(1, columns)))
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

  /// Returns all numbers of parameters, which workers read together.
  package func whole<S: NetworkScalar>(_ parameters: [any Parameter<S>]) throws -> [Value<S>] {
    let values = parameters.map { $0.resident ?? Value<S>($0.shape, in: arena) }
    var pieces: [(parameter: Int, elements: Range<Int>)] = []
    for (index, parameter) in parameters.enumerated() where parameter.resident == nil {
      pieces += parameter.pieces(of: 0..<parameter.count).map { (index, $0) }
    }
    try forEach(pieces.count) { [pieces] index in
      let (parameter, elements) = pieces[index]
      try parameters[parameter].read(
        elements, into: values[parameter].memory, at: elements.lowerBound)
    }
    return values
  }

  func read<S: NetworkScalar>(
    _ parameter: any Parameter<S>, _ elements: Range<Int>, shape: [Int]
  ) throws -> Value<S> {
    let value = Value<S>(shape, in: arena)
    let pieces = parameter.pieces(of: elements)
    try forEach(pieces.count) { index in
      let piece = pieces[index]
      try parameter.read(
        piece, into: value.memory, at: piece.lowerBound - elements.lowerBound)
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
      let piece = parameter.pieceElementCount(of: elements)
      scratch = max(scratch, jobs * parameter.scratchByteCount(elementCount: piece))
    }
    arena.add(total + scratch)
    arena.remove(total + scratch)
  }
}
