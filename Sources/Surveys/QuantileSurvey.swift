import Base
import Checkpoints
import Synchronization
import TensorCore

/// A survey that computes exact quantiles of magnitudes and the energy of the largest values.
///
/// Where the bins of a histogram do not determine a quantile, a second pass counts the lower bits of the
/// magnitudes in the bins that contain a wanted rank.
enum QuantileSurvey {
  /// The memory for the counters of a tensor, of the whole model, and of the next tensor, in bytes.
  static let fixedByteCount = 3 * (2 * TensorStatistics.Distribution.levels.count + 1) * 4 << 15

  /// Returns the layout of a worker's memory: values as float32, and room for the
  /// collected magnitudes, of which one more is written than kept.
  private static func layout(_ info: TensorInfo, elementCount: Int) -> WorkspaceLayout {
    let byteCount = info.dtype.isFloat ? FloatReader.byteCount(elementCount: elementCount) : 0
    return WorkspaceLayout(byteCount, scratch: byteCount + 4)
  }

  static func scratchByteCount(_ info: TensorInfo) -> Int {
    layout(info, elementCount: info.grid.largestChunk).byteCount
  }

  private struct State {
    var open: [Int: QuantileTally] = [:]
    var found: [Quantiles]
    var model: QuantileTally
  }

  /// Returns the quantiles of each tensor and of the whole model.
  /// - Parameters:
  ///   - wanted: The wanted ranks of each tensor.
  ///   - model: The wanted ranks of all tensors together.
  /// - Throws: An error if a tensor cannot be read or has changed since its histogram was computed.
  static func result(
    of tensors: [LazyTensor], wanted: [WantedRanks], model: WantedRanks, engine: Engine
  ) throws -> (tensors: [Quantiles], model: Quantiles) {
    let joinsModel = tensors.map { $0.joinsModel && model.isOpen }
    let read = tensors.indices.filter { wanted[$0].isOpen || joinsModel[$0] }
    let state = Mutex(
      State(found: wanted.map(\.settled), model: QuantileTally(model)))
    // Tensors whose own quantiles are known share the table of the model.
    let modelTable = SlotTable(model.bins)
    let turnstile = Turnstile()
    try engine.forEachTile(
      of: read.map { tensors[$0] },
      workspaceByteCount: Engine.workspaceByteCount(
        of: tensors, extra: { scratchByteCount($0.info) }),
      onFailure: turnstile.abandon
    ) { number, tile, values, scratch in
      let index = read[tile.tensor]
      let info = tensors[index].info
      let count = tile.elements.count
      try layout(info, elementCount: count).withSpans(of: &scratch) { floats, rest in
        let table =
          wanted[index].isOpen
          ? SlotTable(wanted[index].bins + (joinsModel[index] ? modelTable.bins : [])) : modelTable
        let above = (wanted[index].topBin, model.topBin)
        let found: (count: Int, squares: (Double, Double))
        if info.dtype == .f32 {
          found = Kernels.best.collect(values, slots: table.slots, above: above, into: &rest)
        } else {
          try Kernels.best.convert(
            values, from: info.dtype, to: .f32, elementCount: count, saturating: false,
            into: &floats)
          found = Kernels.best.collect(
            floats.bytes, slots: table.slots, above: above, into: &rest)
        }
        try turnstile.pass(number) {
          try state.withLock { state in
            if joinsModel[index] {
              state.model.add(
                rest.bytes, count: found.count, table, squares: found.squares.1)
            }
            guard wanted[index].isOpen else { return }
            var tally = state.open.removeValue(forKey: index) ?? QuantileTally(wanted[index])
            tally.add(rest.bytes, count: found.count, table, squares: found.squares.0)
            if tile.chunk == info.grid.count - 1 {
              state.found[index] = try tally.quantiles(path: tensors[index].stored.file)
            } else {
              state.open[index] = tally
            }
          }
        }
      }
    }
    return try state.withLock { state in
      let path = read.first.map { tensors[$0].stored.file } ?? ""
      return (
        state.found, model.isOpen ? try state.model.quantiles(path: path) : model.settled
      )
    }
  }
}

extension LazyTensor {
  /// True if the values count towards the whole model: they are floats and the tensor is not an alias.
  var joinsModel: Bool { aliasOf == nil && info.dtype.isFloat }
}
