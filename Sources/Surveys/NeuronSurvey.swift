import Base
package import Checkpoints
import Synchronization
package import TensorCore

/// A survey that computes the statistics of each neuron of a tensor.
///
/// A neuron is a row: an output of a matrix, of an expert's matrix, or of a convolution.
package struct NeuronSurvey: Sendable {
  /// The statistics of one neuron.
  package struct Neuron: Sendable, Equatable {
    package var zeros: Int
    package var magnitudeSum: Double
    package var euclideanNorm: Double
    package var largestMagnitude: Double
    package var pqIndex: Double
    package var gini: Double
  }

  package var exponents: PQIndex

  package init(exponents: PQIndex = .standard) { self.exponents = exponents }

  /// Returns true if a tensor has neurons: its values are floats of whole bytes and it has two or more
  /// dimensions.
  package static func applies(to info: TensorInfo) -> Bool {
    info.dtype.isFloat && info.isMatrix && info.dtype.bitsPerElement % 8 == 0
  }

  /// The number of values that are read at once.
  private static let blockElementCount = 1 << 18

  /// The readers of the tensors that have neurons; nil for the others.
  private static func readers(_ tensors: [LazyTensor], _ rows: [RowGeometry]) -> [RowReader?] {
    zip(tensors, rows).map { applies(to: $0.info) ? RowReader(tensor: $0, rows: $1) : nil }
  }

  /// Returns the number of values of a piece: several rows, or a part of a long one.
  private static func pieceElementCount(_ rows: RowGeometry) -> Int {
    rows.isContiguous && rows.length > blockElementCount
      ? blockElementCount
      : max(1, min(rows.count, blockElementCount / max(1, rows.length))) * rows.length
  }

  /// Returns the memory of each worker, in bytes.
  package static func workspaceByteCount(_ tensors: [LazyTensor], rows: [RowGeometry]) -> Int {
    readers(tensors, rows).compactMap(\.self).map { reader in
      // Magnitudes are sorted in an array outside the workspace.
      let count = pieceElementCount(reader.rows)
      return workspace(reader, elementCount: count).byteCount + 8 * count
    }.max() ?? 0
  }

  /// Returns the layout of the workspace: values, and scratch memory to read them or count their magnitudes.
  private static func workspace(_ reader: RowReader, elementCount: Int) -> WorkspaceLayout {
    WorkspaceLayout(
      FloatReader.byteCount(elementCount: elementCount),
      scratch: max(
        reader.scratchByteCount(elementCount: elementCount), Kernels.surveyCounterByteCount),
      alignment: 64)
  }

  /// Returns the memory for the results, in bytes.
  package static func fixedByteCount(_ tensors: [LazyTensor], rows: [RowGeometry]) -> Int {
    readers(tensors, rows).compactMap(\.self).reduce(0) {
      $0 + $1.rows.count * MemoryLayout<Neuron>.stride
    }
  }

  /// A run of neurons that one worker reads.
  private struct Piece {
    var tensor: Int
    var neurons: Range<Int>
  }

  /// Returns the neurons of each tensor, in the order of `tensors`; nil for a tensor without neurons.
  ///
  /// - Parameter rows: The rows of each tensor, which are its neurons.
  package func result(
    of tensors: [LazyTensor], rows: [RowGeometry], engine: Engine
  ) throws -> [[Neuron]?] {
    let readers = Self.readers(tensors, rows)
    var pieces: [Piece] = []
    for (index, reader) in readers.enumerated() {
      guard let rows = reader?.rows else { continue }
      let step = max(1, Self.pieceElementCount(rows) / rows.length)
      for start in stride(from: 0, to: rows.count, by: step) {
        pieces.append(Piece(tensor: index, neurons: start..<min(start + step, rows.count)))
      }
    }
    let found = Mutex(readers.map { $0.map { [Neuron?](repeating: nil, count: $0.rows.count) } })
    let work = pieces
    try engine.forEachPiece(
      count: work.count, workspaceByteCount: Self.workspaceByteCount(tensors, rows: rows)
    ) { number, workspace in
      let piece = work[number]
      // Pieces consist of the neurons of tensors that have a reader.
      let results = try neurons(piece.neurons, readers[piece.tensor]!, &workspace)
      found.withLock {
        for (neuron, result) in zip(piece.neurons, results) { $0[piece.tensor]![neuron] = result }
      }
    }
    return found.withLock { $0.map { $0?.map { $0! } } }
  }

  /// The sums over a part of a neuron.
  private struct Tally {
    var moments = Moments()
    var powers = PowerSums()
    var histogram: MagnitudeHistogram?
    var gini: Double?
  }

  @_lifetime(workspace: copy workspace)
  private func neurons(
    _ neurons: Range<Int>, _ reader: RowReader, _ workspace: inout MutableRawSpan
  ) throws -> [Neuron] {
    let length = reader.rows.length
    guard reader.rows.isContiguous, length > Self.blockElementCount else {
      let layout = Self.workspace(reader, elementCount: neurons.count * length)
      return try layout.withSpans(of: &workspace) { floats, scratch in
        try reader.read(neurons, into: &floats, scratch: &scratch)
        return try neurons.indices.map { index in
          let first = 4 * length * (index - neurons.lowerBound)
          var tally = Tally()
          try add(
            floats.bytes.extracting(first..<first + 4 * length), ofRow: length, to: &tally, &scratch
          )
          return neuron(tally)
        }
      }
    }
    return try neurons.map { index in
      var tally = Tally()
      for start in stride(from: 0, to: length, by: Self.blockElementCount) {
        let count = min(Self.blockElementCount, length - start)
        let first = index * length + start
        try Self.workspace(reader, elementCount: count).withSpans(of: &workspace) {
          floats, scratch in
          try FloatReader(reader.tensor).read(
            first..<first + count, into: &floats, scratch: &scratch)
          try add(floats.bytes, ofRow: length, to: &tally, &scratch)
        }
      }
      return neuron(tally)
    }
  }

  /// Adds F32 values of a row to its tally.
  @_lifetime(scratch: copy scratch)
  private func add(
    _ floats: borrowing RawSpan, ofRow length: Int, to tally: inout Tally,
    _ scratch: inout MutableRawSpan
  ) throws {
    let part = try Moments(
      of: floats, dtype: .f32, elementCount: floats.byteCount / 4, scratch: &scratch)
    tally.moments.merge(part)
    tally.powers.merge(PowerSums(floats, exponents, moments: part))
    guard length > TensorTally.sortedLimit else {
      tally.gini = Gini.value(sorted: floats.sortedMagnitudes().span)
      return
    }
    var counters = scratch._mutatingExtracting(0..<Kernels.surveyCounterByteCount)
    counters.fill()
    Kernels.best.surveyHistogram(floats, into: &counters)
    var histogram = tally.histogram ?? MagnitudeHistogram()
    histogram.add(counters.bytes)
    tally.histogram = histogram
  }

  private func neuron(_ tally: Tally) -> Neuron {
    let moments = tally.moments
    let gini =
      tally.histogram.map { Gini.value($0, magnitudeSum: moments.magnitudeSum) } ?? tally.gini
    return Neuron(
      zeros: moments.zeros, magnitudeSum: moments.magnitudeSum,
      euclideanNorm: moments.euclideanNorm, largestMagnitude: moments.largestMagnitude ?? 0,
      pqIndex: exponents.value(count: moments.finiteCount, powerSums: tally.powers),
      gini: gini ?? 0)
  }
}
