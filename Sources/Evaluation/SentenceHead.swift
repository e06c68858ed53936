import Base
package import Checkpoints
package import Networks
import TensorCore

/// The modules after an encoder, with their weights in memory: pooling, linear layers, normalization.
package struct SentenceHead: Sendable {
  private enum Step: Sendable {
    case dense([ResidentParameter<Float>], ActivationKind?)
    case normalize
  }

  private let pooling: [SentencePooling]
  private let steps: [Step]
  /// The number of numbers of an embedding.
  package let dimension: Int

  /// Reads the weights of linear layers.
  /// - Parameter width: The width of the hidden states.
  /// - Throws: ``FormatError`` if a tensor is missing or has another shape.
  package init(
    _ modules: SentenceModules, _ checkpoint: Checkpoint, width: Int, _ compute: Compute
  ) throws {
    pooling = modules.pooling
    var columns = width * pooling.count
    steps = try modules.steps.map { step in
      switch step {
      case .normalize: return .normalize
      case .dense(let dense):
        guard dense.inputCount == columns else {
          throw FormatError(
            .sentenceModules,
            "\(dense.folder)/config.json: in_features is \(dense.inputCount), expected \(columns)",
            path: checkpoint.path)
        }
        columns = dense.outputCount
        let shapes =
          [("weight", [dense.outputCount, dense.inputCount])]
          + (dense.hasBias ? [("bias", [dense.outputCount])] : [])
        let parameters = try shapes.map { name, shape in
          try Self.parameter("\(dense.folder)/linear.\(name)", shape, checkpoint, compute)
        }
        return .dense(parameters, dense.activation)
      }
    }
    dimension = columns
  }

  private static func parameter(
    _ name: String, _ shape: [Int], _ checkpoint: Checkpoint, _ compute: Compute
  ) throws -> ResidentParameter<Float> {
    guard let tensor = checkpoint.tensors.first(where: { $0.name.equalsAsBytes(name) }),
      tensor.info.dtype.isPlainFloat, tensor.info.shape.dimensions == shape
    else {
      throw FormatError(
        .networkTensor, "is missing or has another shape, expected \(shape)",
        path: checkpoint.path, tensor: name)
    }
    let lazy = LazyParameter<Float>(tensor, path: checkpoint.path, in: compute.arena)
    return ResidentParameter(name, try compute.whole(lazy))
  }

  /// Returns the memory for all embeddings and for those of a group, in bytes.
  func byteCount(sentenceCount: Int) -> Int {
    4 * dimension * (sentenceCount + 4 * min(sentenceCount, TokenGroup.tokenCount))
  }

  /// Returns the embeddings of sentences of one length, shape `[sentences, dimension]`.
  /// - Parameter states: The hidden states after the last block, shape `[tokens, width]`.
  func vectors(
    _ states: Value<Float>, _ windows: Windows, _ compute: Compute
  ) throws -> Value<Float> {
    let pooled = (0..<windows.sequenceCount).flatMap { sequence in
      let rows = sequence * windows.length..<(sequence + 1) * windows.length
      return pooling.flatMap { $0.vector(states, rows: rows) }
    }
    var x = Value(
      [windows.sequenceCount, states.columns * pooling.count], pooled, in: compute.arena)
    let tape = Tape<Float>(compute)
    for step in steps {
      switch step {
      case .normalize: x = try tape.apply(UnitRows(), [x])
      case .dense(let weights, let activation):
        x = try tape.apply(Linear(), [x], weights)
        if let activation { x = try tape.apply(Activation(activation), [x]) }
      }
    }
    return x
  }
}
