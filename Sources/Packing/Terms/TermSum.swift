import Base
package import Checkpoints
import Codecs
import PackedFormat
package import TensorCore

/// A tensor as a sum of terms from several files: values of other tensors, products of factors, and stored
/// terms of `.sumac` files.
package struct TermSum: Sendable {
  /// A term of the sum.
  package enum Part: Sendable {
    /// A term of an entry of a packed file, with its factor in this sum.
    case stored(StoredTerm, factor: Float)
    /// All values of a tensor.
    case dense(LazyTensor, factor: Float)
    /// The product of U [M, r] and V [r, N], where M is the first dimension.
    case lowRank(u: LazyTensor, v: LazyTensor, factor: Float)
  }

  /// The name, dtype and shape of the sum.
  package var info: TensorInfo
  package var parts: [Part]

  package init(info: TensorInfo, parts: [Part]) {
    self.info = info
    self.parts = parts
  }

  /// Creates a sum of the stored terms of a tensor, or of its values if it has no stored terms.
  package init(_ tensor: LazyTensor) {
    self.init(
      info: tensor.info,
      parts: StoredTerm.terms(of: tensor)?.map { .stored($0, factor: $0.multiplier) }
        ?? [.dense(tensor, factor: 1)])
  }

  /// True if the values are the bits of the first part, some of them replaced by those of the other parts.
  package var isBits: Bool {
    guard let first = parts.first, first.isLosslessDense(info.dtype) else { return false }
    return parts.dropFirst().allSatisfy(\.isLosslessReplacement)
  }

  /// True if every part is added to the sum.
  package var isAdded: Bool { parts.allSatisfy(\.isAdded) }

  /// Returns the sum multiplied by a number. `isAdded` must be true.
  package func scaled(by number: Float) -> TermSum {
    var result = self
    result.parts = parts.map { part in
      switch part {
      case .stored(let term, let factor): .stored(term, factor: factor * number)
      case .dense(let tensor, let factor): .dense(tensor, factor: factor * number)
      case .lowRank(let u, let v, let factor): .lowRank(u: u, v: v, factor: factor * number)
      }
    }
    return result
  }

  /// True if the factors of all parts are finite.
  package var hasFiniteFactors: Bool {
    parts.allSatisfy { part in
      switch part {
      case .stored(_, let factor): factor.isFinite
      case .dense(_, let factor): factor.isFinite
      case .lowRank(_, _, let factor): factor.isFinite
      }
    }
  }

  /// Returns the sum as a tensor that is read by adding its parts.
  /// - Parameter stored: The stored form that plans and reports show.
  package func lazy(stored: StoredForm) -> LazyTensor {
    var tensor = LazyTensor(info: info, source: TermSumSource(sum: self), stored: stored)
    if TermSumEncoding.holds(self) {
      tensor.storage = .packed(TermSumEncoding(sum: self), isLossy: false)
    }
    return tensor
  }
}

extension TermSum.Part {
  fileprivate func isLosslessDense(_ dtype: DType) -> Bool {
    switch self {
    case .dense(let tensor, let factor): factor == 1 && tensor.info.dtype == dtype
    case .stored(let stored, let factor):
      if case .dense = stored.term.content { factor == 1 && stored.term.isLossless } else { false }
    case .lowRank: false
    }
  }

  fileprivate var isLosslessReplacement: Bool {
    guard case .stored(let stored, _) = self, case .sparse(.replace, _, _) = stored.term.content
    else { return false }
    return stored.term.isLossless
  }

  /// True if the part is added to the sum, false if it replaces values.
  var isAdded: Bool {
    if case .stored(let stored, _) = self { stored.term.isAdded } else { true }
  }
}
