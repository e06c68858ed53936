import Base
import Checkpoints
import Synchronization
import TensorCore

/// The sign that is elected where trimmed differences cancel each other: that of most places.
extension TrimSurvey {
  /// Returns true if more plain sums of trimmed differences are negative than positive, or as many.
  ///
  /// Where the values at a place add up to 0, the more frequent sign wins. The negative sign wins if both are equally frequent.
  /// Source: `resolve_sign` with `majority` in the authors' code of TIES-Merging.
  func zeroIsNegative(
    _ tensors: [PlannedTensor], _ keeps: [[SettledCombination.Keep]]
  ) throws -> Bool {
    var balance = 0
    for (tensor, keeps) in zip(tensors, keeps) {
      guard case .taskVectors(let vectors) = tensor.combination, vectors.electsPlainly else {
        return false
      }
      balance += try signBalance(tensor, keeps)
    }
    return balance <= 0
  }

  private func signBalance(
    _ tensor: PlannedTensor, _ keeps: [SettledCombination.Keep]
  ) throws -> Int {
    let reading = DeltaReading(tensor, seed: options.seed)
    let grid = tensor.info.grid
    let piece = reading.largestPiece(elementCount: grid.largestChunk, inRows: false)
    let balance = Mutex(0)
    try engine.forEachPiece(
      count: grid.count, workspaceByteCount: reading.byteCount(piece: piece, inRows: false)
    ) { chunk, workspace in
      let elements = grid[chunk]
      for piece in reading.pieces(of: elements, inRows: false) {
        let wanted = piece.clamped(to: elements)
        let places = wanted.lowerBound - piece.lowerBound..<wanted.upperBound - piece.lowerBound
        try reading.withPiece(piece, of: Array(keeps.indices), workspace: &workspace) {
          _, deltas, scratch in
          let size = 4 * piece.count
          for (index, keep) in keeps.enumerated() where keep != .all {
            var delta = deltas._mutatingExtracting(size * index..<size * (index + 1))
            reading.apply(keep, model: index, piece, &delta, scratch: &scratch)
          }
          let vectors = deltas.bytes.extracting(0..<size * keeps.count)
          let found = Kernels.signBalance(
            vectors, vectorCount: keeps.count, elements: places)
          balance.withLock { $0 += found }
        }
      }
      engine.progress.advance(byteCount: tensor.byteCount(ofChunk: chunk))
    }
    return balance.withLock { $0 }
  }
}
