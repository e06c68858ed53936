package import TensorCore

/// A parameter that is a sum: θ + Σ λᵢ τᵢ, formed when an operation reads it.
///
/// The terms are added in their order. The gradient of the sum by λᵢ is the dot product of its gradient with τᵢ.
package final class CombinedParameter<Scalar: NetworkScalar>: Parameter {
  private let base: any Parameter<Scalar>
  private let terms: [(factor: Scalar, parameter: any Parameter<Scalar>)]
  private let arena: Arena
  package let isTrained: Bool

  /// - Parameters:
  ///   - base: θ.
  ///   - terms: λᵢ and τᵢ, each with the shape of θ.
  ///   - isTrained: true if the backward pass computes the gradient of the sum.
  package init(
    _ base: any Parameter<Scalar>, plus terms: [(factor: Scalar, parameter: any Parameter<Scalar>)],
    isTrained: Bool = false, in arena: Arena
  ) {
    precondition(terms.allSatisfy { $0.parameter.shape == base.shape })
    self.base = base
    self.terms = terms
    self.arena = arena
    self.isTrained = isTrained
  }

  package var name: String { base.name }
  package var shape: [Int] { base.shape }
  package var resident: Value<Scalar>? { nil }
  package var decodedChunks: ChunkGrid? { base.decodedChunks }

  package func scratchByteCount(elementCount: Int) -> Int {
    let term = elementCount * MemoryLayout<Scalar>.stride
    return terms.map { term + $0.parameter.scratchByteCount(elementCount: elementCount) }
      .reduce(base.scratchByteCount(elementCount: elementCount), max)
  }

  package func read(_ elements: Range<Int>, into target: Memory<Scalar>, at index: Int) throws {
    try base.read(elements, into: target, at: index)
    guard !terms.isEmpty else { return }
    let buffer = Memory<Scalar>(elements.count, in: arena)
    for (factor, parameter) in terms {
      try parameter.read(elements, into: buffer, at: 0)
      let term = buffer.span
      var sum = target.mutableSpan
      sum.add(index..<index + elements.count) {
        term.lanes($0 - index, end: elements.count) * factor
      }
    }
  }
}
