import Base
package import Checkpoints
import Models
import PackedFormat
import Packing
import Synchronization
import TensorCore

/// The statistics of `vector stats`: the norms of vectors, and their cosines and sign conflicts.
package struct VectorStatistics: Sendable {
  /// Sums over the values of a tensor, a layer or all tensors.
  package struct Tally: Sendable {
    /// The sum of squares of each vector.
    package var squares: [Double]
    /// The number of zeros of each vector.
    package var zeros: [Int]
    /// The dot product of each pair of vectors, in the order of `VectorStatistics.pairs`.
    package var products: [Double]
    /// The number of values that are nonzero in both vectors of each pair.
    package var shared: [Int]
    /// The number of shared values with different signs, for each pair.
    package var opposed: [Int]
    /// The sum of squares of the base; 0 without a base.
    package var baseSquares = 0.0
    package var valueCount = 0

    init(vectorCount: Int) {
      let pairCount = vectorCount * (vectorCount - 1) / 2
      squares = Array(repeating: 0, count: vectorCount)
      zeros = Array(repeating: 0, count: vectorCount)
      products = Array(repeating: 0, count: pairCount)
      shared = Array(repeating: 0, count: pairCount)
      opposed = Array(repeating: 0, count: pairCount)
    }

    /// Computes the sums of a range of elements.
    ///
    /// - Parameter values: The F32 values of each vector, followed by those of the base.
    fileprivate init(of values: borrowing RawSpan, vectorCount: Int, elementCount: Int) {
      self.init(vectorCount: vectorCount)
      valueCount = elementCount
      func sums(_ first: Int, _ second: Int) -> Kernels.PairSums {
        let size = FloatReader.byteCount(elementCount: elementCount)
        var pair = Kernels.PairSums()
        Kernels.best.compare(
          values.extracting(size * first..<size * (first + 1)),
          values.extracting(size * second..<size * (second + 1)), into: &pair)
        return pair
      }
      for index in 0..<vectorCount {
        let own = sums(index, index)
        squares[index] = own.squares
        zeros[index] = elementCount - own.shared
      }
      for (number, (first, second)) in VectorStatistics.pairs(vectorCount).enumerated() {
        let pair = sums(first, second)
        products[number] = pair.product
        shared[number] = pair.shared
        opposed[number] = pair.opposed
      }
      baseSquares = sums(vectorCount, vectorCount).squares
    }

    mutating func merge(_ other: Tally) {
      for index in squares.indices {
        squares[index] += other.squares[index]
        zeros[index] += other.zeros[index]
      }
      for index in products.indices {
        products[index] += other.products[index]
        shared[index] += other.shared[index]
        opposed[index] += other.opposed[index]
      }
      baseSquares += other.baseSquares
      valueCount += other.valueCount
    }
  }

  /// A tensor, a layer or all tensors, with its sums.
  package struct Group: Sendable {
    package var name: String
    package var tally: Tally
  }

  package let names: [String]
  package let hasBase: Bool
  package private(set) var tensors: [Group] = []

  /// Returns the pairs of `count` vectors in the order of the sums of a tally; the first index is the smaller.
  package static func pairs(_ count: Int) -> [(first: Int, second: Int)] {
    (0..<count).flatMap { first in (first + 1..<max(first + 1, count)).map { (first, $0) } }
  }

  // MARK: Inputs

  /// The differences of a vector, by tensor name.
  package struct Input: Sendable {
    package let name: String
    package let checkpoint: Checkpoint
    let tensors: [LazyTensor]

    /// Creates an input from a vector, or from a fine-tune if there is a base.
    package init(_ checkpoint: Checkpoint, base: Checkpoint?) throws {
      self.checkpoint = checkpoint
      name = FileSystem.ownName(of: checkpoint.path)
      do {
        let vector = try TaskVector(checkpoint)
        try SeveralErrors.throwIfAny(VectorSum(vectors: [(vector, 1)]).errors)
        tensors = VectorSum(vectors: [(vector, 1)]).summed().tensors
      } catch {
        guard let base,
          !checkpoint.metadata.contains(where: { $0.key == TaskVector.metadataKey }),
          !LowRankAdapter.isAdapter(checkpoint)
        else { throw error }
        let extraction = VectorExtraction(
          tuned: checkpoint, base: base, form: VectorForm(), isExact: false, dtype: .f32,
          selection: Selection())
        try SeveralErrors.throwIfAny(extraction.errors)
        tensors = try extraction.extracted().tensors
      }
    }
  }

  /// Returns the number of bytes that a worker needs.
  package static func workerByteCount(_ inputs: [Input], base: Checkpoint?) -> Int {
    let tensors = inputs.flatMap(\.tensors) + (base?.tensors ?? [])
    return layout(
      tensors.map { Operand($0, path: "", dtype: nil) }, vectorCount: inputs.count,
      elementCount: tensors.map(\.info.grid.largestChunk).max() ?? 0
    ).byteCount
  }

  /// Returns the layout of the memory for a range of elements: the values of all vectors and of the base, and
  /// scratch memory to read them.
  private static func layout(
    _ operands: [Operand], vectorCount: Int, elementCount: Int
  ) -> WorkspaceLayout {
    WorkspaceLayout(
      (vectorCount + 1) * FloatReader.byteCount(elementCount: elementCount),
      scratch: operands.map { $0.scratchByteCount(elementCount: elementCount) }.max() ?? 0)
  }

  /// Returns the number of bytes of all tensors that are read.
  package static func byteCount(_ inputs: [Input], base: Checkpoint?) -> Int {
    (inputs.flatMap(\.tensors) + (base?.tensors ?? [])).reduce(0) { $0 + $1.info.byteCount }
  }

  // MARK: Work

  /// Reads the values of all inputs and of the base, and computes the statistics.
  ///
  /// - Throws: `UsageError` if a tensor has different shapes, or an error of reading.
  package init(_ inputs: [Input], base: Checkpoint?, engine: Engine) throws {
    names = inputs.map(\.name)
    hasBase = base != nil
    var order: [String] = []
    var vectorsByName: [UTF8Key: [LazyTensor?]] = [:]
    for (number, input) in inputs.enumerated() {
      for tensor in input.tensors {
        let key = UTF8Key(tensor.name)
        if vectorsByName[key] == nil {
          order.append(tensor.name)
          vectorsByName[key] = Array(repeating: nil, count: inputs.count)
        }
        vectorsByName[key]?[number] = tensor
      }
    }
    var bases: [UTF8Key: LazyTensor] = [:]
    for tensor in base?.tensors ?? [] { bases[UTF8Key(tensor.name)] = tensor }
    for name in order {
      let key = UTF8Key(name)
      let rows = vectorsByName[key] ?? []
      let shapes = Set((rows + [bases[key]]).compactMap { $0?.info.shape })
      guard shapes.count == 1 else {
        throw UsageError(
          "tensor '\(name.printable)' has the shapes \(shapes.map(\.description).sorted().joined(separator: " and ")), expected one shape",
          hint: "compare vectors of the same base")
      }
      let tally = try Self.tally(
        rows.map { $0.map { Operand($0, path: $0.stored.file, dtype: nil) } },
        base: bases[key].map { Operand($0, path: $0.stored.file, dtype: nil) }, engine)
      tensors.append(Group(name: name, tally: tally))
    }
  }

  /// Returns the sums over the values of one tensor.
  ///
  /// - Parameter vectors: The tensor in each vector; nil if a vector does not contain it, which counts as zeros.
  static func tally(
    _ vectors: [Operand?], base: Operand?, _ engine: Engine
  ) throws -> Tally {
    guard let info = vectors.lazy.compactMap({ $0?.tensor.info }).first else {
      return Tally(vectorCount: vectors.count)
    }
    let grid = info.grid
    let tallies = Mutex([Tally?](repeating: nil, count: grid.count))
    let operands = (vectors + [base]).compactMap(\.self)
    @Sendable func layout(_ elementCount: Int) -> WorkspaceLayout {
      Self.layout(operands, vectorCount: vectors.count, elementCount: elementCount)
    }
    try engine.forEachPiece(
      count: grid.count, workspaceByteCount: layout(grid.largestChunk).byteCount
    ) { chunk, workspace in
      let elements = grid[chunk]
      let size = FloatReader.byteCount(elementCount: elements.count)
      let found = try layout(elements.count).withSpans(of: &workspace) { values, rest in
        for (index, operand) in (vectors + [base]).enumerated() {
          var target = values._mutatingExtracting(size * index..<size * (index + 1))
          if let operand {
            try operand.read(elements, into: &target, scratch: &rest)
          } else {
            target.fill()
          }
        }
        return Tally(of: values.bytes, vectorCount: vectors.count, elementCount: elements.count)
      }
      tallies.withLock { $0[chunk] = found }
      engine.progress.advance(
        byteCount: operands.reduce(0) {
          $0 + $1.tensor.info.byteCount(ofTile: elements.count)
        })
    }
    // Chunks are added in order, so that sums do not depend on threads.
    return tallies.withLock { $0 }.reduce(into: Tally(vectorCount: vectors.count)) {
      if let tally = $1 { $0.merge(tally) }
    }
  }

  // MARK: Groups

  /// The tallies of layers, and of each tensor outside the layers.
  package var layers: [Group] {
    var groups: [Group] = []
    var indices: [String: Int] = [:]
    for tensor in tensors {
      let layer = LayerNames.parts(of: tensor.name)
      let name = layer.map { "\($0.prefix)\($0.index)" } ?? tensor.name
      if let found = indices[name] {
        groups[found].tally.merge(tensor.tally)
      } else {
        indices[name] = groups.count
        groups.append(Group(name: name, tally: tensor.tally))
      }
    }
    return groups
  }

  /// The sums over all tensors.
  package var total: Tally {
    tensors.reduce(into: Tally(vectorCount: names.count)) { $0.merge($1.tally) }
  }
}

extension VectorStatistics.Tally {
  /// Returns the Euclidean norm of a vector.
  package func norm(_ vector: Int) -> Double { squares[vector].squareRoot() }

  /// Returns the cosine of the angle between two vectors, from −1 to 1; nil if one of them is 0.
  ///
  /// - Parameters:
  ///   - number: The index of the pair in `VectorStatistics.pairs`.
  ///   - pair: The indices of the vectors.
  package func cosine(_ number: Int, _ pair: (first: Int, second: Int)) -> Double? {
    let lengths = norm(pair.first) * norm(pair.second)
    return lengths > 0 ? min(1, max(-1, products[number] / lengths)) : nil
  }

  /// Returns the share of values with different signs among those that are nonzero in both vectors; nil if there
  /// are none.
  package func conflicts(_ number: Int) -> Double? {
    shared[number] > 0 ? Double(opposed[number]) / Double(shared[number]) : nil
  }
}
