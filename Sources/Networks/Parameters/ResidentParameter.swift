import Synchronization

/// A parameter whose numbers are in memory.
package final class ResidentParameter<Scalar: NetworkScalar>: Parameter {
  package let name: String
  package let isTrained: Bool
  package let value: Value<Scalar>
  private let storedPattern = Mutex<SparsePattern?>(nil)

  package init(_ name: String, _ value: Value<Scalar>, isTrained: Bool = false) {
    self.name = name
    self.value = value
    self.isTrained = isTrained
  }

  package var shape: [Int] { value.shape }
  package var resident: Value<Scalar>? { value }
  /// The weights that products use; the owner of the parameter keeps all others at 0. It changes between steps only.
  package var pattern: SparsePattern? {
    get { storedPattern.withLock { $0 } }
    set { storedPattern.withLock { $0 = newValue } }
  }
  package func scratchByteCount(elementCount: Int) -> Int { 0 }

  package func read(_ elements: Range<Int>, into target: Memory<Scalar>, at index: Int) {
    let value = value
    let source = value.span
    var target = target.mutableSpan
    target.fill(index..<index + elements.count) {
      source.lanes(elements.lowerBound + $0 - index, end: elements.upperBound)
    }
  }
}
