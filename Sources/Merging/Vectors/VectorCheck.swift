package import Base
package import Checkpoints
import Packing
import Synchronization
import TensorCore

/// The check of a vector's values before they are added to anything: none may be NaN or infinite.
package struct VectorCheck: Sendable {
  private let vector: TaskVector

  package init(_ vector: TaskVector) { self.vector = vector }

  /// The tensors whose values are added. Values that replace others bit for bit are not checked.
  private var tensors: [LazyTensor] {
    guard vector.kind == .difference else { return [] }
    return vector.checkpoint.tensors.filter { $0.info.dtype.isFloat }
  }

  /// The number of bytes that are read.
  package var byteCount: Int { tensors.reduce(0) { $0 + $1.info.byteCount } }

  /// The number of bytes that a worker needs.
  package var workerByteCount: Int { tensors.map(Self.workspaceByteCount).max() ?? 0 }

  private static func workspaceByteCount(_ tensor: LazyTensor) -> Int {
    FloatReader(tensor).workspace(elementCount: tensor.info.grid.largestChunk).byteCount
  }

  /// Reads all values.
  ///
  /// - Returns: A warning if the vector changes nothing because its values are 0.
  /// - Throws: `FormatError` that names the vector, the tensor and the first value that is not finite.
  package func run(engine: Engine) throws -> [Message] {
    let tensors = tensors
    guard !tensors.isEmpty else { return [] }
    var zeros: Set<UTF8Key> = []
    for tensor in tensors where try isZero(tensor, engine) { zeros.insert(UTF8Key(tensor.name)) }
    guard vector.tensors.allSatisfy({ $0.isUnchanging(zeros) }) else { return [] }
    return [
      "\(vector.checkpoint.path.printable): changes nothing, because the values that it adds are 0"
    ]
  }

  /// Returns true if all values of a tensor are 0.
  private func isZero(_ tensor: LazyTensor, _ engine: Engine) throws -> Bool {
    let path = vector.checkpoint.path
    let reader = FloatReader(
      tensor,
      .refuse(.nonfinite) { tensor, problem in
        let kind: Message =
          switch problem {
          case .nan: "NaN"
          case .infinite(_, let mayBeTooLarge):
            mayBeTooLarge ? "infinite or too large for float32" : "infinite"
          case .flushed: "too small for float32"
          }
        return FormatError(
          .nonfiniteValue, "value \(problem.element) is \(kind), which cannot be added",
          path: path, tensor: tensor.name, hint: "the training that made it failed; use another one"
        )
      })
    let grid = tensor.info.grid
    let isNonzero = Mutex(false)
    try engine.forEachPiece(
      count: grid.count, workspaceByteCount: Self.workspaceByteCount(tensor)
    ) { chunk, workspace in
      let elements = grid[chunk]
      try reader.workspace(elementCount: elements.count).withSpans(of: &workspace) {
        values, rest in
        try reader.read(elements, into: &values, scratch: &rest)
        var pair = Kernels.PairSums()
        Kernels.best.compare(values.bytes, values.bytes, into: &pair)
        if pair.shared > 0 { isNonzero.withLock { $0 = true } }
      }
      engine.progress.advance(byteCount: tensor.info.byteCount(ofTile: elements.count))
    }
    // Small values of F64 are 0 in float32.
    return tensor.info.dtype != .f64 && !isNonzero.withLock { $0 }
  }
}

extension TaskVector.Tensor {
  /// Returns true if the change adds only zeros.
  /// - Parameter zeros: The names of the vector's tensors whose values are all 0.
  fileprivate func isUnchanging(_ zeros: Set<UTF8Key>) -> Bool {
    switch target {
    case .oneOf(let changes): return changes.allSatisfy { $0.isUnchanging(zeros) }
    case .name, .flattened: break
    }
    guard case .addition = effect else { return false }
    if let original { return zeros.contains(UTF8Key(original.name)) }
    return sum.parts.allSatisfy { part in
      switch part {
      case .stored: false
      case .lowRank(let u, let v, let factor):
        factor == 0 || zeros.contains(UTF8Key(u.name)) || zeros.contains(UTF8Key(v.name))
      case .dense(let tensor, let factor):
        if let source = tensor.attributes[StackedProduct.self] {
          factor == 0 || zeros.contains(UTF8Key(source.factors.a.name))
            || zeros.contains(UTF8Key(source.factors.b.name))
        } else {
          factor == 0 || zeros.contains(UTF8Key(tensor.name))
        }
      }
    }
  }
}
