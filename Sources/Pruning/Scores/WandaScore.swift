package import Base
package import Checkpoints
import Surveys
package import TensorCore

/// The Wanda score |w| · ‖x‖₂, where x is the input that the weight is multiplied with.
///
/// The inputs of a tensor follow from its role: a matrix [O, I] has I, a convolution [O, I, k…] has I·k….
/// Source: Sun et al., "A Simple and Effective Pruning Approach for Large Language Models", ICLR 2024,
/// equation 1.
package struct WandaScore: PruningScore {
  /// The norms for each tensor name, a tensor of floats with one value per input.
  private let norms: [UTF8Key: LazyTensor]
  private let path: String

  /// Creates a score from a checkpoint that contains, under the name of each weight tensor, its input norms.
  package init(norms: Checkpoint) {
    path = norms.path
    self.norms = Dictionary(
      norms.tensors.map { (UTF8Key($0.name), $0) }, uniquingKeysWith: { first, _ in first })
  }

  package func errors(
    for tensors: [(tensor: LazyTensor, rows: RowGeometry)]
  ) -> [any UserError] {
    tensors.compactMap { tensor, rows in
      let counts = InputChannels.fittingCounts(tensor.info, rows)
      guard let norm = norms[UTF8Key(tensor.name)] else {
        return UsageError(
          "\(path.printable): has no input norms for tensor '\(tensor.name.printable)'",
          hint: "add a tensor of that name with \(counts[0]) floats, or exclude the tensor: "
            + "\(setting: "exclude") '\(tensor.name.printable)'")
      }
      guard InputChannels(tensor.info, rows, numberCount: norm.info.elementCount) != nil,
        norm.info.dtype.isPlainFloat
      else {
        return UsageError(
          "\(path.printable): '\(tensor.name.printable)' is \(norm.info.dtype.name) "
            + "\(norm.info.shape), expected \(counts[0]) floats, one per input")
      }
      return nil
    }
  }

  /// The maximum number of norms that are read at once.
  private static let pieceCount = 1 << 16

  package func scratchByteCount(_ tensor: LazyTensor, elementCount: Int) -> Int {
    guard let norm = norms[UTF8Key(tensor.name)] else { return 0 }
    return reader(norm).workspace(elementCount: min(Self.pieceCount, norm.info.elementCount))
      .byteCount
  }

  private func reader(_ norm: LazyTensor) -> FloatReader {
    FloatReader(
      norm,
      .refuse(.nonfinite) { [path] norm, problem in
        FormatError(
          .nonfiniteValue, "norm \(problem.element) is not finite", path: path, tensor: norm.name)
      })
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func replace(
    _ values: inout MutableRawSpan, of tensor: LazyTensor, _ rows: RowGeometry,
    _ elements: Range<Int>, scratch: inout MutableRawSpan
  ) throws {
    guard let norm = norms[UTF8Key(tensor.name)],
      let fit = InputChannels(tensor.info, rows, numberCount: norm.info.elementCount)
    else { return }
    var matrix = elements.lowerBound / fit.matrixElementCount
    while matrix * fit.matrixElementCount < elements.upperBound {
      let own = matrix * fit.matrixElementCount..<(matrix + 1) * fit.matrixElementCount
      // Several matrices with one set of norms count as one matrix.
      let start = fit.count == norm.info.elementCount ? 0 : matrix * fit.count
      for piece in stride(from: 0, to: fit.count, by: Self.pieceCount) {
        let count = min(Self.pieceCount, fit.count - piece)
        let reader = reader(norm)
        try reader.workspace(elementCount: count).withSpans(of: &scratch) { floats, rest in
          try reader.read(start + piece..<start + piece + count, into: &floats, scratch: &rest)
          try checkNorms(floats.bytes, count: count, start: start + piece, of: norm)
          let columns = piece * fit.run..<(piece + count) * fit.run
          Self.scale(
            &values, elements, own.clamped(to: elements), rows, columns, by: floats.bytes,
            run: fit.run)
        }
      }
      matrix += 1
    }
  }

  /// Throws if a norm is negative.
  private func checkNorms(
    _ floats: borrowing RawSpan, count: Int, start: Int, of norm: LazyTensor
  ) throws {
    for index in 0..<count {
      let value = Float(bitPattern: floats.littleEndian(UInt32.self, at: 4 * index) ?? 0)
      guard value < 0 else { continue }
      throw FormatError(
        .negativeNorm, "norm \(start + index) is \(value), expected 0 or more", path: path,
        tensor: norm.name,
        hint: "pass the root of the sum of squares of each input, not a sum or a mean")
    }
  }

  /// Replaces the values of the elements in some columns by their products with norms.
  ///
  /// - Parameters:
  ///   - all: The elements of `values`.
  ///   - elements: The elements to replace, if they are in `columns`.
  ///   - norms: A norm for each run of columns.
  @_lifetime(values: copy values)
  private static func scale(
    _ values: inout MutableRawSpan, _ all: Range<Int>, _ elements: Range<Int>,
    _ rows: RowGeometry, _ columns: Range<Int>, by norms: borrowing RawSpan, run: Int
  ) {
    // A segment is a part of a row, or of a line of elements with one column.
    let isContiguous = rows.isContiguous
    let size = isContiguous ? rows.length : rows.inner
    var start = elements.lowerBound
    while start < elements.upperBound {
      let end = min(elements.upperBound, (start / size + 1) * size)
      let first = rows.position(of: start).column
      for element in start..<end {
        let column = isContiguous ? first + element - start : first
        guard columns.contains(column) else { continue }
        let byteOffset = 4 * (element - all.lowerBound)
        let value = Float(bitPattern: values.bytes.littleEndian(UInt32.self, at: byteOffset)!)
        let norm = Float(
          bitPattern: norms.littleEndian(
            UInt32.self, at: 4 * ((column - columns.lowerBound) / run))!)
        let score = min((value * norm).magnitude, .greatestFiniteMagnitude)
        values.storeLittleEndian(score.bitPattern, at: byteOffset)
      }
      start = end
    }
  }
}

extension FormatError.Code {
  package static let negativeNorm = FormatError.Code(
    "prune.norms",
    meaning: "An input norm of the score wanda is negative.",
    remedy: "Pass the Euclidean norm of each input, which is 0 or more.")
}
