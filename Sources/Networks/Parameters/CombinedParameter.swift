import Synchronization
package import TensorCore

/// A parameter that is merged: θ₀ + Σ λₖ τₖ with the task vectors τₖ = θₖ − θ₀, formed when an operation reads it.
///
/// The vectors are added in the order of the models. They may be trimmed by a ``VectorElection``. The derivative by λₖ is
/// the dot product of the gradient with τₖ.
package final class CombinedParameter<Scalar: NetworkScalar>: Parameter {
  private let base: any Parameter<Scalar>
  private let models: [any Parameter<Scalar>]
  private let election: VectorElection?
  private let arena: Arena
  package let isTrained: Bool

  private struct State: Sendable {
    var coefficients: [Scalar]
    var held: Value<Scalar>?
  }
  private let state: Mutex<State>

  /// - Parameters:
  ///   - base: θ₀.
  ///   - models: θₖ, each with at least the elements of θ₀.
  ///   - election: The values of the vectors that count; nil for all.
  ///   - isTrained: True if the backward pass computes the gradient of the sum.
  package init(
    _ base: any Parameter<Scalar>, and models: [any Parameter<Scalar>], coefficients: [Scalar],
    election: VectorElection? = nil, isTrained: Bool = false, in arena: Arena
  ) {
    precondition(
      models.count == coefficients.count && models.allSatisfy { $0.count >= base.count }
        && election?.thresholds.count ?? models.count == models.count)
    self.base = base
    self.models = models
    self.election = election
    self.arena = arena
    self.isTrained = isTrained
    state = Mutex(State(coefficients: coefficients))
  }

  package var name: String { base.name }
  package var shape: [Int] { base.shape }
  package var resident: Value<Scalar>? { state.withLock { $0.held } }
  package var decodedChunks: ChunkGrid? { base.decodedChunks }

  package func scratchByteCount(elementCount: Int) -> Int {
    let vectors = models.count * elementCount * MemoryLayout<Scalar>.stride
    return vectors
      + ([base] + models).reduce(0) { max($0, $1.scratchByteCount(elementCount: elementCount)) }
  }

  package func read(_ elements: Range<Int>, into target: Memory<Scalar>, at index: Int) throws {
    let vectors = Memory<Scalar>(models.count * elements.count, in: arena)
    try readVectors(elements, base: target, at: index, into: vectors)
    VectorLoops.add(
      vectors, times: state.withLock { $0.coefficients }, to: target,
      at: index..<index + elements.count)
  }

  /// Writes θ₀ to `target` from `index` on, and all τₖ one after another to `vectors`.
  private func readVectors(
    _ elements: Range<Int>, base target: Memory<Scalar>, at index: Int,
    into vectors: Memory<Scalar>
  ) throws {
    let count = elements.count
    try base.read(elements, into: target, at: index)
    for (number, model) in models.enumerated() {
      try model.read(elements, into: vectors, at: number * count)
    }
    VectorLoops.subtract(
      target, at: index, from: vectors, count: count, vectorCount: models.count)
    if let election {
      VectorLoops.elect(vectors, count: count, election, vectorCount: models.count)
    }
  }

  // MARK: Coefficients

  /// Keeps the sum in memory from now on; ``set(_:_:)`` forms it.
  package func hold() {
    let value = Value<Scalar>(shape, in: arena)
    state.withLock { $0.held = value }
  }

  /// Changes λ, and forms the sum again if it is kept in memory.
  package func set(_ coefficients: [Scalar], _ compute: Compute) throws {
    precondition(coefficients.count == models.count)
    let held = state.withLock { state in
      state.coefficients = coefficients
      return state.held
    }
    guard let held, !arena.isCounting else { return }
    try compute.forEachElements(count) { range in
      try read(range, into: held.memory, at: range.lowerBound)
    }
  }

  /// Returns the dot product of a gradient with each task vector, added in float64 in the order of the pieces.
  ///
  /// - Throws: The error of reading a tensor.
  /// - Complexity: O(*elements* · *models*); a piece of each vector is in memory for each worker.
  package func derivatives(by gradient: Value<Scalar>, _ compute: Compute) throws -> [Double] {
    precondition(gradient.count == count)
    let size = Compute.pieceElementCount
    let parts: [[Double]] = try compute.map((count + size - 1) / size) { piece in
      let elements = piece * size..<min(count, (piece + 1) * size)
      let target = Memory<Scalar>(elements.count, in: arena)
      let vectors = Memory<Scalar>(models.count * elements.count, in: arena)
      try readVectors(elements, base: target, at: 0, into: vectors)
      return VectorLoops.products(of: gradient, elements, vectors, vectorCount: models.count)
    }
    return models.indices.map { model in parts.reduce(0) { $0 + $1[model] } }
  }

  /// Counts the memory of ``derivatives(by:_:)`` in a counting arena.
  package func countDerivatives(jobs: Int) {
    let piece = min(count, Compute.pieceElementCount)
    let byteCount =
      jobs
      * (piece * MemoryLayout<Scalar>.stride + scratchByteCount(elementCount: piece))
    arena.add(byteCount)
    arena.remove(byteCount)
  }
}
