import Base
package import Checkpoints
import Codecs
import PackedFormat
package import TensorCore

/// A tensor as a sum of terms that lie in several files: values of other tensors, products of factors,
/// and terms of `.sumac` files as they are stored.
package struct TermSum: Sendable {
  package enum Part: Sendable {
    /// A term of an entry of a packed file, with the factor that it has here.
    case stored(StoredTerm, factor: Float)
    /// All values of a tensor.
    case dense(LazyTensor, factor: Float)
    /// The product of U [M, r] and V [r, N], where M is the first dimension.
    case lowRank(u: LazyTensor, v: LazyTensor, factor: Float)
  }

  /// Name, dtype and shape of the sum.
  package var info: TensorInfo
  package var parts: [Part]

  package init(info: TensorInfo, parts: [Part]) {
    self.info = info
    self.parts = parts
  }

  /// The terms of a tensor: those that a packed file holds it as, or its values.
  package init(_ tensor: LazyTensor) {
    self.init(
      info: tensor.info,
      parts: StoredTerm.terms(of: tensor)?.map { .stored($0, factor: $0.multiplier) }
        ?? [.dense(tensor, factor: 1)])
  }

  /// Whether the values are bits of the first part, some replaced by those of the others.
  package var isBits: Bool {
    guard let first = parts.first, first.isLosslessDense(info.dtype) else { return false }
    return parts.dropFirst().allSatisfy(\.isLosslessReplacement)
  }

  /// Whether every part only adds.
  package var isAdded: Bool { parts.allSatisfy(\.isAdded) }

  /// The sum times a number: of every part, all of which only add.
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

  /// As a tensor that is read by adding its parts.
  /// - Parameter stored: how it is told of in plans and reports.
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

  var isAdded: Bool {
    if case .stored(let stored, _) = self { stored.term.isAdded } else { true }
  }
}
