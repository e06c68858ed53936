import Base
import Checkpoints
import LinearAlgebra
import PackedFormat
import Synchronization
import TensorCore

/// A product of two skinny matrices that is fitted to a residual by power iteration.
///
/// The steps are those of `PowerIteration`, over a residual that is read chunk by chunk. V starts with
/// uniform random values.
struct LowRankFit: Sendable {
  /// Returns the number of passes over the values: one for each round, and one more for the last.
  static func passCount(rounds: Int) -> Int { rounds + 1 }
  /// The dtype of the stored factors. V is scaled so that its values are around 1.
  static let dtype = DType.f16

  let matrices: LowRankTerm.Matrices
  let rank: Int
  /// The factor of U · V, a power of two.
  let scale: Float
  /// True if no intermediate value exceeded the range of float32.
  let isFinite: Bool
  /// U as canonical bytes of `dtype`, shape [count · rows, rank].
  let u: [UInt8]
  /// V as canonical bytes of `dtype`, shape [count · rank, columns].
  let v: [UInt8]
  /// V as float32.
  let vFloats: [Float]

  /// Returns the memory of the factors while they are fitted, in bytes.
  static func fixedByteCount(_ matrices: LowRankTerm.Matrices, rank: Int) -> Int {
    // Floats, a copy while they are made orthonormal, sums in doubles, and the stored form.
    18 * rank * matrices.count * (matrices.rows + matrices.columns)
  }

  /// Returns the layout for a partial sum of V, and rows of U.
  private static func factorSpace(
    _ matrices: LowRankTerm.Matrices, rank: Int, rows: Int
  ) -> WorkspaceLayout {
    WorkspaceLayout(4 * rank * matrices.columns, 4 * rank * rows)
  }

  /// Returns the layout of a worker's memory: the residual of a chunk, and scratch memory to read it or for
  /// factors.
  /// - Parameter scratch: The scratch memory that reading the residual needs, in bytes.
  static func workspace(
    _ matrices: LowRankTerm.Matrices, rank: Int, elementCount: Int, scratch: Int
  ) -> WorkspaceLayout {
    let rows = min(elementCount / max(1, matrices.columns), matrices.count * matrices.rows)
    return WorkspaceLayout(
      FloatReader.byteCount(elementCount: elementCount),
      scratch: max(scratch, factorSpace(matrices, rank: rank, rows: rows).byteCount))
  }

  /// Fits the factors in `rounds` rounds of power iteration.
  /// - Parameters:
  ///   - workspaceByteCount: The scratch memory that `residual` needs besides the values, in bytes.
  ///   - residual: Fills its second argument with the values of a chunk, which consists of whole rows; the
  ///     third argument is scratch memory.
  init(
    _ info: TensorInfo, matrices: LowRankTerm.Matrices, rank: Int, rounds: Int, engine: Engine,
    workspaceByteCount: Int,
    residual: @escaping @Sendable (Int, inout MutableRawSpan, inout MutableRawSpan) throws -> Void
  ) throws {
    self.matrices = matrices
    self.rank = rank
    let pass = Pass(
      info: info, matrices: matrices, rank: rank, engine: engine,
      workspaceByteCount: workspaceByteCount, residual: residual)
    var v = ElementRandom(tensorName: info.name, seed: 0).uniforms(
      count: matrices.count * rank * matrices.columns)
    var u: [Float] = []
    var isFinite = true
    for round in 1...rounds {
      Vectors.orthonormalize(&v, count: rank, length: matrices.columns, scalesFirst: true)
      guard round == rounds else {
        v = try pass.refined(v)
        isFinite = isFinite && v.allSatisfy(\.isFinite)
        continue
      }
      u = try pass.projected(v)
      isFinite = isFinite && u.allSatisfy(\.isFinite)
      u = PowerIteration.orthonormalColumns(
        of: u, rows: matrices.rows, rank: rank, scalesFirst: true)
      v = try pass.accumulated(u)
    }
    let largest = v.reduce(0) { max($0, $1.magnitude) }
    let scale = largest > 0 ? Float(sign: .plus, exponent: largest.exponent, significand: 1) : 1
    self.scale = scale
    self.isFinite = isFinite && v.allSatisfy(\.isFinite)
    self.u = HalfPrecision.halves(u, over: 1)
    self.v = HalfPrecision.halves(v, over: scale)
    let bytes = self.v
    vFloats = HalfPrecision.floats(bytes.rawSpan)
  }

  /// Adds the rows of scale · U · V for a chunk to `sums`.
  @_lifetime(sums: copy sums)
  func add(rows: Range<Int>, to sums: inout MutableRawSpan) {
    var row = rows.lowerBound
    while row < rows.upperBound {
      let matrix = row / matrices.rows
      let end = min(rows.upperBound, (matrix + 1) * matrices.rows)
      let u = HalfPrecision.floats(self.u.rawSpan.extracting(2 * rank * row..<2 * rank * end))
      let size = 4 * rank * matrices.columns
      let start = 4 * matrices.columns * (row - rows.lowerBound)
      var target = sums._mutatingExtracting(
        start..<start + 4 * matrices.columns * (end - row))
      Kernels.best.addLowRank(
        u: u.rawSpan, v: vFloats.rawSpan.extracting(matrix * size..<(matrix + 1) * size),
        stride: matrices.columns, rows: end - row, columns: matrices.columns, rank: rank,
        scale: scale, to: &target)
      row = end
    }
  }

  // MARK: Passes

  /// A pass over the residual, chunk by chunk, and matrix by matrix within each chunk.
  private struct Pass: Sendable {
    let info: TensorInfo
    let matrices: LowRankTerm.Matrices
    let rank: Int
    let engine: Engine
    let workspaceByteCount: Int
    let residual: @Sendable (Int, inout MutableRawSpan, inout MutableRawSpan) throws -> Void

    private var vSize: Int { rank * matrices.columns }

    /// Returns the matrices that a chunk overlaps, and the rows of each, counted over all matrices.
    private func parts(_ chunk: Int) -> [(matrix: Int, rows: Range<Int>)] {
      let elements = info.grid[chunk]
      let all = elements.lowerBound / matrices.columns..<elements.upperBound / matrices.columns
      var parts: [(matrix: Int, rows: Range<Int>)] = []
      var row = all.lowerBound
      while row < all.upperBound {
        let matrix = row / matrices.rows
        let end = min(all.upperBound, (matrix + 1) * matrices.rows)
        parts.append((matrix, row..<end))
        row = end
      }
      return parts
    }

    /// Reads every chunk, and calls `body` with its number, its values and scratch memory.
    private func forEachChunk(
      _ body: @escaping @Sendable (Int, borrowing RawSpan, inout MutableRawSpan) throws -> Void,
      onFailure: @escaping @Sendable () -> Void = {}
    ) throws {
      @Sendable func space(_ elementCount: Int) -> WorkspaceLayout {
        LowRankFit.workspace(
          matrices, rank: rank, elementCount: elementCount, scratch: workspaceByteCount)
      }
      try engine.forEachPiece(
        count: info.grid.count, workspaceByteCount: space(info.grid.largestChunk).byteCount,
        onFailure: onFailure
      ) { chunk, workspace in
        let count = info.grid[chunk].count
        try space(count).withSpans(of: &workspace) { values, rest in
          try residual(chunk, &values, &rest)
          try body(chunk, values.bytes, &rest)
        }
        engine.progress.advance(byteCount: info.dtype.byteCount(of: count) ?? 0)
      }
    }

    /// Returns the byte range of a part within the values of its chunk.
    private func part(
      _ part: (matrix: Int, rows: Range<Int>), of chunk: Int, _ values: RawSpan
    ) -> Range<Int> {
      let first = info.grid[chunk].lowerBound / matrices.columns
      return 4 * matrices.columns * (part.rows.lowerBound - first)..<4 * matrices.columns
        * (part.rows.upperBound - first)
    }

    /// Returns U = R · Vᵀ.
    func projected(_ v: [Float]) throws -> [Float] {
      let u = Mutex([Float](repeating: 0, count: matrices.count * matrices.rows * rank))
      try forEachChunk { chunk, values, rest in
        for part in parts(chunk) {
          let rows = part.rows.count
          var target = rest._mutatingExtracting(0..<4 * rank * rows)
          Kernels.best.projectRows(
            of: values.extracting(self.part(part, of: chunk, copy values)),
            on: v.rawSpan.extracting(4 * vSize * part.matrix..<4 * vSize * (part.matrix + 1)),
            rows: rows, columns: matrices.columns, rank: rank, into: &target)
          let floats = target.bytes.floats()
          u.withLock {
            $0.replaceSubrange(
              part.rows.lowerBound * rank..<part.rows.upperBound * rank, with: floats)
          }
        }
      }
      return u.withLock { $0 }
    }

    /// Returns V = Uᵀ · R, adding the chunks in order.
    func accumulated(_ u: [Float]) throws -> [Float] {
      try summed { values, part, target, _ in
        let rows = part.rows
        Kernels.best.accumulateColumns(
          of: values,
          by: u.rawSpan.extracting(4 * rank * rows.lowerBound..<4 * rank * rows.upperBound),
          rows: rows.count, columns: matrices.columns, rank: rank, into: &target)
        return 0
      }.map { Float($0) }
    }

    /// Returns V = (R · Vᵀ)ᵀ · R in one pass, up to a power of two for each matrix.
    func refined(_ v: [Float]) throws -> [Float] {
      let sums = try summed { values, part, target, u in
        PowerIteration.refine(
          values,
          on: v.rawSpan.extracting(4 * vSize * part.matrix..<4 * vSize * (part.matrix + 1)),
          rows: part.rows.count, columns: matrices.columns, rank: rank, u: &u, into: &target,
          scalesRows: true)
      }
      return (0..<matrices.count).flatMap { matrix in
        let part = sums[matrix * vSize..<(matrix + 1) * vSize]
        let largest = part.reduce(0) { max($0, $1.magnitude) }
        let exponent = largest > 0 && largest.isFinite ? -Int(largest.exponent) : 0
        let scale = Double(sign: .plus, exponent: exponent, significand: 1)
        return part.map { Float($0 * scale) }
      }
    }

    /// Returns the sums over all chunks of the products that `body` computes for each part.
    /// - Parameter body: Writes the product, given the values, the part, and memory for the product and U;
    ///   returns the exponent of the power of two to multiply it by.
    private func summed(
      _ body:
        @escaping @Sendable (
          borrowing RawSpan, (matrix: Int, rows: Range<Int>), inout MutableRawSpan,
          inout MutableRawSpan
        ) -> Int
    ) throws -> [Double] {
      // The sums can be as large as squares of values, which only doubles can represent.
      let sums = Mutex([Double](repeating: 0, count: matrices.count * vSize))
      let turnstile = Turnstile()
      try forEachChunk(
        { chunk, values, rest in
          var found: [(start: Int, exponent: Int, values: [Float])] = []
          for part in parts(chunk) {
            let space = LowRankFit.factorSpace(matrices, rank: rank, rows: part.rows.count)
            space.withSpans(of: &rest) { target, u, _ in
              target.fill()
              let exponent = body(
                values.extracting(self.part(part, of: chunk, copy values)), part, &target, &u)
              found.append((part.matrix * vSize, exponent, target.bytes.floats()))
            }
          }
          try turnstile.pass(chunk) {
            sums.withLock { sums in
              for (start, exponent, values) in found {
                let scale = Double(sign: .plus, exponent: exponent, significand: 1)
                for (index, value) in values.enumerated() {
                  sums[start + index] += Double(value) * scale
                }
              }
            }
          }
        }, onFailure: turnstile.abandon)
      return sums.withLock { $0 }
    }
  }
}

extension ElementRandom {
  /// Returns the first `count` uniform random values.
  func uniforms(count: Int) -> [Float] { (0..<count).map { uniform(at: UInt64($0)) } }
}
