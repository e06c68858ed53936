import Base

/// Inputs whose ids are known only when all their values have been read, which may be while the output is written.
///
/// An id has the same length before and after, so that the output is planned with its final length.
package struct LateInputs: Sendable {
  /// The inputs of the last step of the lineage, in its order.
  private let inputs: [Checkpoint]

  package init(_ inputs: [Checkpoint]) { self.inputs = inputs }

  /// The memory that each worker needs to read values that the output did not need.
  package var workerByteCount: Int {
    inputs.map(\.identificationWorkspaceByteCount).max() ?? 0
  }

  /// Returns the inputs with ids that cover their values. Values that were not read yet are read now.
  package func identified(engine: Engine) throws -> [Checkpoint] {
    // Values of inputs do not count as progress, which counts those that are written.
    let engine = Engine(
      workers: engine.workers, cancellation: engine.cancellation, progress: NoProgress())
    return try inputs.map { input in
      var result = input
      result.identity = try input.contentIdentity(engine: engine)
      return result
    }
  }

  /// Returns the lineage with the final ids.
  fileprivate func identifying(_ lineage: Lineage, engine: Engine) throws -> Lineage {
    var result = lineage
    guard let last = lineage.steps.indices.last else { return lineage }
    let identified = try identified(engine: engine)
    precondition(
      identified.count == lineage.steps[last].inputs.count, "the last step has these inputs")
    for (index, input) in identified.enumerated() {
      result.steps[last].inputs[index].id = input.identity.id
    }
    return result
  }
}

extension WriterOptions {
  /// Returns the lineage with the ids of late inputs, after the values of the output were read; nil to record none.
  package func identifiedLineage(engine: Engine) throws -> Lineage? {
    guard let lineage, let lateInputs else { return lineage }
    return try lateInputs.identifying(lineage, engine: engine)
  }
}

extension ContainerOutput {
  package static var recordsLateInputs: Bool { false }
}
