import Base
import Synchronization
package import TensorCore

/// The loss of one tensor of an output.
package struct TensorLoss: Sendable, Hashable {
  package var name: String
  package var elementCount: Int
  package var loss: ValueLoss

  package init(name: String, elementCount: Int, loss: ValueLoss) {
    self.name = name
    self.elementCount = elementCount
    self.loss = loss
  }
}

/// The losses of the tensors of one output, gathered while they are written.
package final class LossLog: Sendable {
  private let losses = Mutex<[UTF8Key: TensorLoss]>([:])
  private let keptNames = Mutex<Set<String>>([])

  package init() {}

  /// Sets the loss of a tensor; a tensor without loss is not listed.
  package func record(_ loss: ValueLoss, of tensor: TensorInfo) {
    let entry =
      loss.isNone
      ? nil : TensorLoss(name: tensor.name, elementCount: tensor.elementCount, loss: loss)
    losses.withLock { $0[UTF8Key(tensor.name)] = entry }
  }

  /// Notes that a tensor is stored without loss, because its lossy form would not be smaller.
  package func keep(_ tensor: TensorInfo) {
    keptNames.withLock { _ = $0.insert(tensor.name) }
  }

  /// The names of the tensors that are stored without loss, because their lossy forms would not be smaller.
  package var kept: [String] {
    keptNames.withLock { Array($0) }.sorted { $0.precedesAsBytes($1) }
  }

  /// The tensors with a loss, by name.
  package var tensors: [TensorLoss] {
    losses.withLock { Array($0.values) }.sorted { $0.name.precedesAsBytes($1.name) }
  }
}
