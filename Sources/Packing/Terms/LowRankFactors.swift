import Base
package import Checkpoints
import LinearAlgebra
import PackedFormat
import TensorCore

/// Two factors whose product approximates a matrix: U [M, r] with orthonormal columns, and V [r, N].
package struct LowRankFactors: Sendable {
  package let rank: Int
  package let rows: Int
  package let columns: Int
  /// U and V in F16. V must be multiplied by `scale`.
  private let u: [UInt8]
  private let v: [UInt8]
  private let scale: Float

  /// Returns the size of the factors of a matrix, in bytes.
  package static func byteCount(rows: Int, columns: Int, rank: Int) -> Int {
    2 * rank * (rows + columns)
  }

  /// The number of times that all values are read.
  package static let passCount = LowRankFit.passCount(rounds: TermRecipe.thoroughRoundCount)

  /// Returns the additional memory that is needed while the factors are fitted, in bytes.
  package static func fixedByteCount(rows: Int, columns: Int, rank: Int) -> Int {
    LowRankTerm.Matrices(count: rows, columns).map {
      LowRankFit.fixedByteCount($0, rank: rank)
    } ?? 0
  }

  /// Returns the memory of each worker while the factors are fitted, in bytes.
  package static func workerByteCount(_ tensor: LazyTensor, rank: Int) -> Int {
    let tiles = FloatTiles(tensor: tensor)
    let columns = max(1, tensor.info.shape.columnCount)
    guard let matrices = LowRankTerm.Matrices(count: tensor.info.shape.rowCount, columns) else {
      return 0
    }
    return LowRankFit.workspace(
      matrices, rank: rank, elementCount: tiles.grid.largestChunk, scratch: tiles.scratchByteCount
    ).byteCount
  }

  /// Fits the factors to a tensor by power iteration.
  /// - Throws: An error if the tensor is not a matrix, or that names the first value that is not finite.
  package init(_ tensor: LazyTensor, rank: Int, engine: Engine) throws {
    let tiles = FloatTiles(tensor: tensor)
    self.rank = rank
    rows = tensor.info.shape.rowCount
    columns = tensor.info.shape.columnCount
    guard let matrices = LowRankTerm.Matrices(count: rows, columns) else {
      throw UsageError("'\(tensor.name.printable)' is not a matrix")
    }
    let fit = try LowRankFit(
      tensor.info, matrices: matrices, rank: rank, rounds: TermRecipe.thoroughRoundCount,
      engine: engine,
      workspaceByteCount: tiles.scratchByteCount
    ) { chunk, values, rest in
      try tiles.read(chunk: chunk, into: &values, scratch: &rest)
    }
    (u, v, scale) = (fit.u, fit.v, fit.scale)
  }

  /// True if the product is 0 everywhere.
  package var isZero: Bool { v.allSatisfy { $0 & 0x7F == 0 } }

  /// Returns U as an F32 tensor, transposed if `isTransposed`.
  package func u(named name: String, isTransposed: Bool) throws -> LazyTensor {
    try Self.tensor(name, u, rows: rows, columns: rank, scale: 1, isTransposed: isTransposed)
  }

  /// Returns V, multiplied by `scale`, as an F32 tensor, transposed if `isTransposed`.
  package func v(named name: String, isTransposed: Bool) throws -> LazyTensor {
    try Self.tensor(name, v, rows: rank, columns: columns, scale: scale, isTransposed: isTransposed)
  }

  private static func tensor(
    _ name: String, _ values: [UInt8], rows: Int, columns: Int, scale: Float, isTransposed: Bool
  ) throws -> LazyTensor {
    let values =
      isTransposed
      ? Vectors.transposed(values, width: 2, rows: rows, columns: columns) : values
    let dimensions = isTransposed ? [columns, rows] : [rows, columns]
    let half = try TensorInfo(name: name, dtype: .f16, shape: Shape(dimensions))
    let part = LazyTensor(
      info: half, source: MemoryTensorSource(info: half, values: values),
      stored: StoredForm(file: name, byteOffset: 0, byteCount: values.count, dtype: .f16))
    let info = try TensorInfo(name: name, dtype: .f32, shape: Shape(dimensions))
    return TermSum(info: info, parts: [.dense(part, factor: scale)]).lazy(stored: part.stored)
  }
}

extension LowRankTerm.Matrices {
  /// Creates the shape of one matrix; nil if the shape is invalid.
  fileprivate init?(count rows: Int, _ columns: Int) {
    guard let shape = try? Shape([rows, columns]) else { return nil }
    self.init(shape, batch: 0)
  }
}
