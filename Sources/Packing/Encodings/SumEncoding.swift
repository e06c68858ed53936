package import Base
package import Checkpoints
package import Codecs
package import PackedFormat
import Synchronization
package import TensorCore

/// An encoding that stores a tensor of plain floats as a sum of terms.
///
/// The outliers are separated first, the remaining values are quantized, and the quantization error is
/// approximated by a low-rank product.
package struct SumEncoding: TensorEncoding {
  package private(set) var recipe: TermRecipe
  let rows: RowGeometry
  let packing: CodeStream.Packing
  /// Receives the values of each chunk, and those that reading the tensor will return, as float32; from any thread.
  package var comparing: Comparing?

  /// - Parameters:
  ///   - elements: The elements of a chunk.
  ///   - values: Their values, before they are encoded.
  ///   - stored: Their values, after they are decoded.
  package typealias Comparing =
    @Sendable (
      _ elements: Range<Int>, _ values: borrowing RawSpan, _ stored: borrowing RawSpan
    ) -> Void

  /// Creates an encoding for a recipe that is not lossless.
  /// - Parameters:
  ///   - rows: The rows of the tensor, which groups and low-rank products follow.
  ///   - compression: The compression of the streams. Without compression, codes are packed as bits.
  package init(_ recipe: TermRecipe, rows: RowGeometry, compression: Compression) {
    precondition(!recipe.isLossless)
    self.recipe = recipe
    self.rows = rows
    packing = compression == .none ? .bits : .bytes
  }

  package var label: String { recipe.description }

  /// The encoding with scales of float32, which replace narrower ones where these would overflow.
  var withWideScales: SumEncoding {
    var wide = self
    switch recipe.dense?.kind {
    case .int, .nf4, .fp8: wide.recipe.dense?.scaleDType = .f32
    case nil, .lossless, .mx, .nvfp4, .ggml: break
    }
    return wide
  }

  /// Returns the reason why a tensor with this header cannot be stored by a recipe; nil if it can.
  package static func fault(
    _ recipe: TermRecipe, _ info: TensorInfo, rows: RowGeometry
  ) -> Message? {
    guard !recipe.isLossless else { return nil }
    guard info.dtype.isPlainFloat else { return "\(info.dtype.name) is not a plain float type" }
    if let reason = recipe.dense?.fault(for: info.shape) { return Message(reason) }
    if info.dtype == .f64, recipe.rank != nil || recipe.sparse?.mode == .add {
      return "F64 supports no low-rank and no added terms; cast it with \(setting: "dtype") f32"
    }
    guard let rank = recipe.rank else { return nil }
    guard let matrices = matrices(info.shape, rows) else {
      return "a low-rank term needs two dimensions"
    }
    guard rank <= min(matrices.rows, matrices.columns) else {
      return "rank \(rank) exceeds the maximum rank of matrices of "
        + "\(matrices.rows) × \(matrices.columns)"
    }
    guard rank * matrices.columns <= LowRankTerm.factorLimit,
      info.grid.largestChunk % matrices.columns == 0
    else { return "rows of \(matrices.columns) values are too long for a low-rank term" }
    return nil
  }

  /// Returns the number of leading dimensions that count matrices.
  ///
  /// A matrix is the last two dimensions. If a row runs along several dimensions up to the last, they are the columns.
  static func batch(_ shape: Shape, _ rows: RowGeometry) -> Int {
    rows.axes.count > 1 && rows.isContiguous
      ? rows.axes.lowerBound - 1 : shape.dimensions.count - 2
  }

  /// Returns the maximum rank of a low-rank term of a tensor; nil for fewer than two dimensions.
  package static func maximumRank(_ shape: Shape, _ rows: RowGeometry) -> Int? {
    matrices(shape, rows).map { min($0.rows, $0.columns) }
  }

  /// Returns the matrices of a tensor; nil for fewer than two dimensions.
  static func matrices(_ shape: Shape, _ rows: RowGeometry) -> LowRankTerm.Matrices? {
    let batch = batch(shape, rows)
    return batch < 0 ? nil : LowRankTerm.Matrices(shape, batch: batch)
  }

  // MARK: Plan

  private var codec: (any ValueCodec)? {
    recipe.dense.map { $0.codec(for: rows, packing: packing).codec }
  }

  /// Returns true if groups are cut to the length of the tensor's rows.
  package static func cutsGroups(_ recipe: TermRecipe, of rows: RowGeometry) -> Bool {
    recipe.dense?.codec(for: rows, packing: .bytes).groupsAreCut ?? false
  }

  package func plan(for tensor: LazyTensor, encoder: ChunkEncoder) -> EncodingPlan {
    let info = tensor.info
    let space = PreparedSum.Workspace(
      FloatTiles(tensor: tensor), codec: codec, recipe: recipe, encoder: encoder)
    var plan = EncodingPlan(
      byteCount: 0, isExact: false, workerByteCount: space.byteCount, fixedByteCount: 0,
      chunkCount: 0, passCount: recipe.dense.map { _ in 2 } ?? 1)
    if let codec {
      plan.chunkCount += info.grid.count
      for chunk in 0..<info.grid.count {
        plan.byteCount += encoder.mostByteCount(codec, ChunkLayout(info, chunk: chunk))
      }
    }
    if let rank = recipe.rank, let matrices = Self.matrices(info.shape, rows) {
      for factor in [matrices.shapeOfU(rank: rank), matrices.shapeOfV(rank: rank)] {
        guard let factor else { continue }
        plan.chunkCount += ChunkGrid(dtype: LowRankFit.dtype, shape: factor).count
        plan.byteCount += 2 * factor.elementCount
      }
      plan.fixedByteCount += LowRankFit.fixedByteCount(matrices, rank: rank)
      plan.workerByteCount =
        LowRankFit.workspace(
          matrices, rank: rank, elementCount: info.grid.largestChunk, scratch: space.byteCount
        ).byteCount
      plan.passCount += LowRankFit.passCount(rounds: recipe.rounds) + 1
    }
    if let sparse = recipe.sparse {
      plan.chunkCount += info.grid.count
      let kept = sparse.count(of: info.elementCount)
      plan.byteCount +=
        kept * info.dtype.bitsPerElement / 8 + info.elementCount / 8
        + info.grid.count * (StreamTableSize.maximum + 1)
      plan.workerByteCount += OutlierSurvey.workerByteCount
      plan.fixedByteCount += 2 * OutlierSurvey.workerByteCount + 32 * info.grid.count
      plan.passCount += 4
    }
    plan.fixedByteCount += 64 * plan.chunkCount
    return plan
  }

  // MARK: Preparation

  package func prepared(
    _ tensor: LazyTensor, encoder: ChunkEncoder, engine: Engine, wantsContentID: Bool
  ) throws -> any PreparedEncoding {
    let tiles = FloatTiles(tensor: tensor)
    let info = tensor.info
    var outliers: OutlierSurvey?
    if let sparse = recipe.sparse, info.elementCount > 0 {
      outliers = try OutlierSurvey(
        tiles, count: sparse.count(of: info.elementCount), engine: engine)
    }
    var sum = PreparedSum(
      tiles: tiles, recipe: recipe, rows: rows, codec: codec, outliers: outliers,
      encoder: encoder, comparing: comparing)
    if let codec = sum.codec, codec.needsSurvey {
      let survey = try survey(sum, engine)
      do throws(CodecProblem) { sum.codec = try codec.prepared(for: survey) } catch {
        throw FormatError(
          .valuesTooLarge, error.description, path: tensor.stored.file, tensor: info.name,
          hint: "store it losslessly: \(setting: "tensor-type") '\(info.name.printable)=lossless'")
      }
    }
    if let rank = recipe.rank, let matrices = Self.matrices(info.shape, rows), info.elementCount > 0
    {
      let base = sum
      sum.factors = try LowRankFit(
        info, matrices: matrices, rank: rank, rounds: recipe.rounds, engine: engine,
        workspaceByteCount: sum.workspaceByteCount
      ) { chunk, residual, rest in
        try base.readResidual(chunk, into: &residual, workspace: &rest)
      }
      guard sum.factors!.isFinite else {
        throw FormatError(
          .valuesTooLarge, "values are too large for a low-rank term in float32",
          path: tensor.stored.file, tensor: info.name,
          hint: "store it losslessly: \(setting: "tensor-type") '\(info.name.printable)=lossless'")
      }
    }
    // The error of a lone dense term is measured while it is encoded.
    if recipe.rank != nil || recipe.sparse != nil || wantsContentID {
      try sum.measure(engine, wantsContentID: wantsContentID)
    }
    return sum
  }

  private func survey(_ sum: PreparedSum, _ engine: Engine) throws -> CodecSurvey {
    let survey = Mutex(CodecSurvey())
    try engine.forEachPiece(
      count: sum.tiles.grid.count, workspaceByteCount: sum.workspaceByteCount
    ) { chunk, workspace in
      var part = CodecSurvey()
      try sum.withValues(chunk, &workspace) { values, _, _, scratch in
        sum.codec?.survey(
          values, ChunkLayout(sum.tiles.tensor.info, chunk: chunk), into: &part, scratch: &scratch)
      }
      survey.withLock { $0.merge(part) }
      sum.tiles.report(chunk, to: engine)
    }
    return survey.withLock { $0 }
  }
}

extension TermRecipe.Sparse {
  /// Returns the number of values to keep of `elementCount`, rounded to nearest, at least 1.
  func count(of elementCount: Int) -> Int {
    let count = Int((Double(elementCount) * share).rounded())  // fits: the share is at most 1
    return min(elementCount, max(1, count))
  }
}

/// The maximum overhead of a sparse chunk: a frame of two streams, and the bytes that a value stream needs
/// besides its values.
private enum StreamTableSize { static let maximum = 8 * 10 }
