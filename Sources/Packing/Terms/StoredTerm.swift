import Base
package import Checkpoints
package import PackedFormat

/// A term of a tensor as it is stored in a `.sumac` file.
package struct StoredTerm: Sendable {
  package let reader: PackedReader
  package let entry: Int
  package let termIndex: Int
  package let term: PackedTerm

  /// Returns the terms of a tensor in a packed file; nil if the tensor is not in a packed file, or if a term
  /// cannot be read.
  package static func terms(of tensor: LazyTensor) -> [StoredTerm]? {
    guard let origin = tensor.packedOrigin, let entry = origin.entry, let packed = origin.tensor,
      packed.terms.allSatisfy({ $0.fault == nil })
    else { return nil }
    return packed.terms.enumerated().map {
      StoredTerm(reader: origin.reader, entry: entry, termIndex: $0.offset, term: $0.element)
    }
  }

  /// The factor of the term, or the scale of its low-rank product.
  package var multiplier: Float { term.multiplier }

  /// Returns the term with another factor or scale.
  func term(multiplier: Float) -> PackedTerm {
    var result = term
    // The writer measured the error of a different sum.
    result.error = nil
    if case .lowRank(var product) = term.content {
      product.scale = multiplier
      result.content = .lowRank(product)
    } else {
      result.factor = multiplier
    }
    return result
  }

  /// The segments of the term in its file.
  var segments: Range<Int> {
    let first = reader.segment(ofTerm: termIndex, entry: entry)
    return first..<reader.segment(ofTerm: termIndex + 1, entry: entry)
  }
}
