import Examples
import Networks
import SparCL

/// The memory of a training, on a counting arena.
extension ContinualLearner {
  /// Counts the memory of a step with stored examples.
  package func countStep() throws {
    let size = min(trainer.recipe.batch, data.count)
    if recipe.masks != .dense {
      for parameter in trainer.parameters where recipe.layers.contains(parameter.name) {
        let none = SparseSupport([], of: parameter.count)
        parameter.pattern = SparsePattern(kept: none, trained: none)
      }
    }
    var pass = ReplayPass(self)
    for _ in 0..<(recipe.replay == .derpp ? 3 : recipe.replay == .er ? 2 : 1) {
      _ = try pass.add(Array(0..<size), weight: 1) { _, _ in
        ReplayLoss.Result(losses: [], gradient: [])
      }
    }
    // The sparse passes need more room for planes, the dense ones for windows of each worker.
    for parameter in trainer.parameters { parameter.pattern = nil }
    _ = try pass.add(Array(0..<size), weight: 1) { _, _ in
      ReplayLoss.Result(losses: [], gradient: [])
    }
  }

  /// The bytes of masks, tables, stored gradients, answers and the buffer, which belong to no arena.
  package var countedStateByteCount: Int {
    let layers = trainer.parameters.filter { recipe.layers.contains($0.name) }
    let weights = layers.reduce(0) { $0 + $1.count }
    let others = trainer.parameters.reduce(0) { $0 + $1.count } - weights
    // Masks as bytes and values, the latest gradients, and tables of entries.
    let perWeight = 2 * (1 + MemoryLayout<Scalar>.size) + MemoryLayout<Scalar>.size + 16
    // Stored examples and logits, and their copies while a state is saved.
    let buffer = 3 * 8 * recipe.bufferSize * (1 + state.buffer.classCount)
    // The numbers of each example, its list of answers, and their copies.
    let answers = recipe.removal == nil ? 0 : 32 + 4 * min(recipe.schedule.interval, recipe.epochs)
    return weights * perWeight + 10 * others + buffer + data.count * (32 + answers)
      + draws.byteCount
  }
}
