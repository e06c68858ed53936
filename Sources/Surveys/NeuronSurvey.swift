import Base
package import Checkpoints
import Synchronization
package import TensorCore

/// A survey that computes the statistics of each neuron of a tensor.
///
/// A neuron is an index of the first dimension: a row of a linear layer, or a filter of a convolution.
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

  /// Returns the memory of each worker, in bytes.
  package static func workspaceByteCount(_ tensors: [LazyTensor]) -> Int {
    tensors.filter { applies(to: $0.info) }.map { tensor in
      let count = min(blockElementCount, tensor.info.elementCount)
      // Magnitudes are sorted in an array outside the workspace.
      return workspace(FloatReader(tensor), elementCount: count).byteCount + 4 * count
    }.max() ?? 0
  }

  /// Returns the layout of the workspace: values, and scratch memory to read them or count their magnitudes.
  private static func workspace(_ reader: FloatReader, elementCount: Int) -> WorkspaceLayout {
    WorkspaceLayout(
      FloatReader.byteCount(elementCount: elementCount),
      scratch: max(
        reader.scratchByteCount(elementCount: elementCount), Kernels.surveyCounterByteCount),
      alignment: 64)
  }

  /// Returns the memory for the results, in bytes.
  package static func fixedByteCount(_ tensors: [LazyTensor]) -> Int {
    tensors.filter { applies(to: $0.info) }.reduce(0) {
      $0 + $1.info.shape.dimensions[0] * MemoryLayout<Neuron>.stride
    }
  }

  /// A run of neurons that one worker reads.
  private struct Piece {
    var tensor: Int
    var neurons: Range<Int>
  }

  /// Returns the neurons of each tensor, in the order of `tensors`; nil for a tensor without neurons.
  package func result(of tensors: [LazyTensor], engine: Engine) throws -> [[Neuron]?] {
    var pieces: [Piece] = []
    var empty: [[Neuron?]?] = []
    for (index, tensor) in tensors.enumerated() {
      guard Self.applies(to: tensor.info) else {
        empty.append(nil)
        continue
      }
      let count = tensor.info.shape.dimensions[0]
      let step = max(1, Self.blockElementCount / (tensor.info.elementCount / count))
      empty.append([Neuron?](repeating: nil, count: count))
      for start in stride(from: 0, to: count, by: step) {
        pieces.append(Piece(tensor: index, neurons: start..<min(start + step, count)))
      }
    }
    let found = Mutex(empty)
    let work = pieces
    try engine.forEachPiece(
      count: work.count, workspaceByteCount: Self.workspaceByteCount(tensors)
    ) { number, workspace in
      let piece = work[number]
      for neuron in piece.neurons {
        let result = try self.neuron(neuron, of: tensors[piece.tensor], &workspace)
        found.withLock { $0[piece.tensor]![neuron] = result }
      }
    }
    return found.withLock { $0.map { $0?.map { $0! } } }
  }

  @_lifetime(workspace: copy workspace)
  private func neuron(
    _ neuron: Int, of tensor: LazyTensor, _ workspace: inout MutableRawSpan
  ) throws -> Neuron {
    let info = tensor.info
    let reader = FloatReader(tensor)
    let length = info.elementCount / info.shape.dimensions[0]
    var (moments, powers) = (Moments(), PowerSums())
    var histogram: MagnitudeHistogram?
    var gini: Double?
    for start in stride(from: 0, to: length, by: Self.blockElementCount) {
      let count = min(Self.blockElementCount, length - start)
      let first = neuron * length + start
      try Self.workspace(reader, elementCount: count).withSpans(of: &workspace) {
        floats, scratch in
        try reader.read(first..<first + count, into: &floats, scratch: &scratch)
        let part = try Moments(
          of: floats.bytes, dtype: .f32, elementCount: count, scratch: &scratch)
        moments.merge(part)
        powers.merge(PowerSums(floats.bytes, exponents, moments: part))
        guard length > TensorTally.sortedLimit else {
          gini = Gini.value(sorted: floats.bytes.sortedMagnitudes().span)
          return
        }
        var counters = scratch._mutatingExtracting(0..<Kernels.surveyCounterByteCount)
        counters.fill()
        Kernels.best.surveyHistogram(floats.bytes, into: &counters)
        histogram = histogram ?? MagnitudeHistogram()
        histogram!.add(counters.bytes)
      }
    }
    if let histogram {
      gini = Gini.value(histogram, magnitudeSum: moments.magnitudeSum)
    }
    return Neuron(
      zeros: moments.zeros, magnitudeSum: moments.magnitudeSum,
      euclideanNorm: moments.euclideanNorm, largestMagnitude: moments.largestMagnitude ?? 0,
      pqIndex: exponents.value(count: moments.finiteCount, powerSums: powers),
      gini: gini ?? 0)
  }
}
