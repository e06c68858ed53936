package import Base
package import Codecs
package import TensorCore

/// One term of the sum that makes a tensor. Specification, section 5.4.
package struct PackedTerm: Sendable {
  /// The kind of a term with its codecs.
  package enum Content: Sendable {
    /// One value for every element.
    case dense(any ValueCodec)
    /// Values of some elements, which are added to the sum so far or replace it there.
    case sparse(SparseMode, any IndexCodec, any ValueCodec)
    /// A product of two matrices for each index of the leading dimensions.
    case lowRank(LowRankTerm)
    /// A term that this version does not know: the reason for refusing it, its name, and its map in the index.
    case unknown(PackedFault, String, CBORMap)
  }

  package var content: Content
  /// The number of the term's records in the chunk table.
  package var chunkCount: Int
  /// The factor of the values of a dense term or of a sparse term of mode `add`.
  package var factor: Float
  /// ‖x − s‖₂, where x are the original values and s is the sum up to and including this term; nil if it
  /// was not measured.
  package var error: Double?

  package init(
    _ content: Content, chunkCount: Int, factor: Float = 1, error: Double? = nil
  ) {
    self.content = content
    self.chunkCount = chunkCount
    self.factor = factor
    self.error = error
  }

  /// Creates a dense term of a tensor.
  package init(_ codec: any ValueCodec, of info: TensorInfo, error: Double? = nil) {
    self.init(.dense(codec), chunkCount: info.grid.count, error: error)
  }

  package static let denseKind = "dense"
  package static let sparseKind = "sparse"
  package static let lowRankKind = "lowRank"

  /// A short description of the term, such as `planes` or `int4:g128`.
  package var label: String { factor == 1 ? contentLabel : "\(factor) × \(contentLabel)" }

  private var contentLabel: String {
    switch content {
    case .dense(let codec): codec.label
    case .sparse(let mode, let index, let values):
      "sparse" + (mode == .replace ? ":replace" : "") + Self.label(index)
        + (values.isLossless ? "" : ":\(values.label)")
    case .lowRank(let term): "lowrank:\(term.rank)"
    case .unknown(_, let name, _): name.printable
    }
  }

  private static func label(_ index: any IndexCodec) -> String {
    index is BitmaskIndex || index is Gap8Index ? "" : ":\(index.label)"
  }

  /// True if the term decodes to exactly the bits that were stored.
  package var isLossless: Bool {
    switch content {
    case .dense(let codec), .sparse(_, _, let codec): codec.isLossless && factor == 1
    case .lowRank, .unknown: false
    }
  }

  /// The factor of the term; for a low-rank term, the scale of its product.
  package var multiplier: Float {
    if case .lowRank(let term) = content { term.scale } else { factor }
  }

  var segmentCount: Int { if case .lowRank = content { 2 } else { 1 } }

  /// True if the term only adds to a sum, so that it can be part of another sum.
  package var isAdded: Bool {
    switch content {
    case .dense, .sparse(.add, _, _), .lowRank: true
    case .sparse(.replace, _, _), .unknown: false
    }
  }

  package var fault: (PackedFault, String)? {
    switch content {
    case .unknown(let fault, let name, _): (fault, name)
    case .dense(let codec), .sparse(_, _, let codec):
      codec.givesValues ? nil : (.unknownCodec, codec.label)
    case .lowRank(let term):
      [term.u, term.v].first { !$0.codec.givesValues }.map { (.unknownCodec, $0.codec.label) }
    }
  }
}

/// The sum scale · U · V for each index of the first `batch` dimensions.
///
/// U has one row for each index of the following dimension, and V one column for each index of all
/// dimensions after that one.
package struct LowRankTerm: Sendable {
  /// One of the two matrices of the product.
  package struct Factor: Sendable {
    package var dtype: DType
    package var codec: any ValueCodec
    package var shape: Shape

    package init(dtype: DType, codec: any ValueCodec, shape: Shape) {
      self.dtype = dtype
      self.codec = codec
      self.shape = shape
    }
  }

  package static let factorDTypes: [DType] = [.f32, .f16, .bf16]
  package static let rankLimit = 1 << 16
  /// The maximum number of values of V for one index of the leading dimensions; a reader keeps them in memory.
  package static let factorLimit = 1 << 24

  package var batch: Int
  package var rank: Int
  package var scale: Float
  package var u: Factor
  package var v: Factor

  package init(batch: Int, rank: Int, scale: Float, u: Factor, v: Factor) {
    self.batch = batch
    self.rank = rank
    self.scale = scale
    self.u = u
    self.v = v
  }

  /// The matrices of a shape: their number, and the rows and columns of each.
  package struct Matrices: Sendable, Equatable {
    package var count: Int
    package var rows: Int
    package var columns: Int

    /// Returns nil if the shape does not have more than `batch` dimensions.
    package init?(_ shape: Shape, batch: Int) {
      guard batch >= 0, batch < shape.dimensions.count else { return nil }
      count = shape.dimensions[..<batch].reduce(1, *)
      rows = shape.dimensions[batch]
      columns = shape.dimensions[(batch + 1)...].reduce(1, *)
    }

    /// The shape of U for all matrices; nil if it exceeds the limits of shapes.
    package func shapeOfU(rank: Int) -> Shape? { Self.shape(count, times: rows, by: rank) }

    /// The shape of V for all matrices; nil if it exceeds the limits of shapes.
    package func shapeOfV(rank: Int) -> Shape? { Self.shape(count, times: rank, by: columns) }

    private static func shape(_ count: Int, times other: Int, by columns: Int) -> Shape? {
      let (rows, overflow) = count.multipliedReportingOverflow(by: other)
      return overflow ? nil : try? Shape([rows, columns])
    }
  }
}

extension LowRankTerm {
  /// Divides a range of a matrix into the end of a row, whole rows, and the start of a row.
  package static func pieces(
    of elements: Range<Int>, columns: Int
  ) -> [(elements: Range<Int>, rowCount: Int)] {
    var pieces: [(elements: Range<Int>, rowCount: Int)] = []
    var start = elements.lowerBound
    while start < elements.upperBound {
      let left = elements.upperBound - start
      if start % columns == 0, left >= columns {
        let rows = left / columns
        pieces.append((start..<start + rows * columns, rows))
      } else {
        pieces.append((start..<start + min(left, columns - start % columns), 1))
      }
      start = pieces[pieces.count - 1].elements.upperBound
    }
    return pieces
  }
}
