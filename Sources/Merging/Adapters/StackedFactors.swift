import Base
import Checkpoints
import PackedFormat
import Packing
import TensorCore

/// The factors of several matrices of the same shape, such as the weights of experts.
///
/// A is [count, r, in]. The order of the values of B is given by strides.
struct StackedFactors: Sendable {
  /// The distances, in elements of B, between matrices, between outputs, and between the ranks of an output.
  struct Strides: Sendable {
    var matrix: Int
    var row: Int
    var column: Int
  }

  let a: LazyTensor
  let b: LazyTensor
  let count: Int
  let rank: Int
  let inputs: Int
  let outputs: Int
  let stridesOfB: Strides

  /// Returns the products as a change of the shape [count, out, in], or [count, in, out] if `isInputMajor` is true.
  func change(
    named name: String, scale: Double, isInputMajor: Bool
  ) throws -> TaskVector.Tensor {
    let dimensions = isInputMajor ? [inputs, outputs] : [outputs, inputs]
    guard let shape = try? Shape([count] + dimensions),
      let info = try? TensorInfo(name: name, dtype: .f32, shape: shape)
    else {
      throw FormatError(
        .adapter, "has products of too many values", path: b.stored.file, tensor: name)
    }
    let source = StackedProductSource(factors: self, isInputMajor: isInputMajor)
    // Messages about the values name the factor in the adapter.
    var products = LazyTensor(info: info, source: source, stored: b.stored)
    products.attributes[StackedProduct.self] = source
    return TaskVector.Tensor(
      sum: TermSum(info: info, parts: [.dense(products, factor: Float(scale))]))
  }

  /// Returns the elements of A that a matrix has.
  fileprivate func elementsOfA(_ matrix: Int) -> Range<Int> {
    rank * inputs * matrix..<rank * inputs * (matrix + 1)
  }

  /// Returns the smallest range of B with all elements of some outputs of a matrix.
  fileprivate func elementsOfB(_ matrix: Int, rows: Range<Int>) -> Range<Int> {
    let start = stridesOfB.matrix * matrix + stridesOfB.row * rows.lowerBound
    let length = stridesOfB.row * (rows.count - 1) + stridesOfB.column * (rank - 1) + 1
    return start..<start + length
  }

  /// The maximum number of elements of B that are read for `rowCount` outputs.
  fileprivate func largestRangeOfB(rowCount: Int) -> Int {
    elementsOfB(0, rows: 0..<max(1, min(rowCount, outputs))).count
  }
}

/// The attribute of a tensor that has the products of stacked factors.
enum StackedProduct: AttributeKey {
  typealias Value = StackedProductSource
}

/// A source of the products of stacked factors, in float32.
struct StackedProductSource: TensorSource {
  let factors: StackedFactors
  /// True if matrices are stored as [in, out].
  let isInputMajor: Bool

  private var rows: Int { isInputMajor ? factors.inputs : factors.outputs }
  private var columns: Int { isInputMajor ? factors.outputs : factors.inputs }

  /// Memory for U [rows, r] and V [r, columns], the values that are read for them, and scratch memory for reading.
  private func workspace(rowCount: Int) -> WorkspaceLayout {
    let a = factors.rank * factors.inputs
    let b = factors.largestRangeOfB(rowCount: isInputMajor ? factors.outputs : rowCount)
    return WorkspaceLayout(
      4 * factors.rank * rowCount, 4 * factors.rank * columns, 4 * max(a, b),
      scratch: max(
        FloatReader(factors.a).scratchByteCount(elementCount: a),
        FloatReader(factors.b).scratchByteCount(elementCount: b)))
  }

  func scratchByteCount(elementCount: Int) -> Int {
    let rowCount = min(rows, elementCount / max(1, columns) + 2)
    return workspace(rowCount: rowCount).byteCount
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    values.fill()
    let size = rows * columns
    var start = elements.lowerBound
    while start < elements.upperBound {
      let matrix = start / size
      let end = min(elements.upperBound, size * (matrix + 1))
      let first = 4 * (start - elements.lowerBound)
      var part = values._mutatingExtracting(first..<first + 4 * (end - start))
      try add(
        start - size * matrix..<end - size * matrix, of: matrix, to: &part, scratch: &scratch)
      start = end
    }
  }

  /// Adds a range of one matrix to `values`.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  private func add(
    _ elements: Range<Int>, of matrix: Int, to values: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    let used = elements.lowerBound / columns..<(elements.upperBound - 1) / columns + 1
    try workspace(rowCount: used.count).withSpans(of: &scratch) { u, v, read, rest in
      if isInputMajor {
        try gatherA(matrix, inputs: used, asRows: true, into: &u, &read, &rest)
        try gatherB(matrix, outputs: 0..<columns, asRows: false, into: &v, &read, &rest)
      } else {
        try gatherB(matrix, outputs: used, asRows: true, into: &u, &read, &rest)
        try gatherA(matrix, inputs: 0..<columns, asRows: false, into: &v, &read, &rest)
      }
      for piece in LowRankTerm.pieces(of: elements, columns: columns) {
        let first = piece.elements.lowerBound
        let offset = 4 * (first - elements.lowerBound)
        var target = values._mutatingExtracting(offset..<offset + 4 * piece.elements.count)
        let row = first / columns - used.lowerBound
        Kernels.best.addLowRank(
          u: u.bytes.extracting(4 * factors.rank * row..<u.byteCount),
          v: v.bytes.extracting(4 * (first % columns)..<v.byteCount), stride: columns,
          rows: piece.rowCount, columns: piece.elements.count / piece.rowCount,
          rank: factors.rank, scale: 1, to: &target)
      }
    }
  }

  /// Copies the values of A for some inputs to a matrix [inputs, r] if `asRows` is true, otherwise [r, inputs].
  @_lifetime(matrix: copy matrix)
  @_lifetime(read: copy read)
  @_lifetime(scratch: copy scratch)
  private func gatherA(
    _ index: Int, inputs: Range<Int>, asRows: Bool, into matrix: inout MutableRawSpan,
    _ read: inout MutableRawSpan, _ scratch: inout MutableRawSpan
  ) throws {
    try FloatReader(factors.a).read(factors.elementsOfA(index), into: &read, scratch: &scratch)
    for k in 0..<factors.rank {
      for (offset, input) in inputs.enumerated() {
        let value: UInt32? = read.bytes.littleEndian(
          UInt32.self, at: 4 * (factors.inputs * k + input))
        let target = asRows ? factors.rank * offset + k : inputs.count * k + offset
        matrix.storeLittleEndian(value ?? 0, at: 4 * target)
      }
    }
  }

  /// Copies the values of B for some outputs to a matrix [outputs, r] if `asRows` is true, otherwise [r, outputs].
  @_lifetime(matrix: copy matrix)
  @_lifetime(read: copy read)
  @_lifetime(scratch: copy scratch)
  private func gatherB(
    _ index: Int, outputs: Range<Int>, asRows: Bool, into matrix: inout MutableRawSpan,
    _ read: inout MutableRawSpan, _ scratch: inout MutableRawSpan
  ) throws {
    let elements = factors.elementsOfB(index, rows: outputs)
    try FloatReader(factors.b).read(elements, into: &read, scratch: &scratch)
    for offset in 0..<outputs.count {
      for k in 0..<factors.rank {
        let source = factors.stridesOfB.row * offset + factors.stridesOfB.column * k
        let value: UInt32? = read.bytes.littleEndian(UInt32.self, at: 4 * source)
        let target = asRows ? factors.rank * offset + k : outputs.count * k + offset
        matrix.storeLittleEndian(value ?? 0, at: 4 * target)
      }
    }
  }
}
