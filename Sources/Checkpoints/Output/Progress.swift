import Base
package import TensorCore

/// Told of work as it is done, from any thread.
package protocol Progress: Sendable {
  func begin(tensors: Int, byteCount: Int)
  func advance(byteCount: Int)
  func finish(tensor: TensorInfo)
  func end()
}

package struct NoProgress: Progress {
  package init() {}
  package func begin(tensors: Int, byteCount: Int) {}
  package func advance(byteCount: Int) {}
  package func finish(tensor: TensorInfo) {}
  package func end() {}
}
