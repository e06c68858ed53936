package import TensorCore

/// The places of numbers that belong to the inputs of a tensor, such as norms: one for each input of a row, or for each
/// input channel of a convolution; of one matrix, or of each of several.
///
/// The inputs of a tensor follow from its role: a matrix [O, I] has I, a convolution [O, I, k…] has I·k….
package struct InputChannels: Sendable, Equatable {
  /// The number of elements that share a set of numbers.
  package let matrixElementCount: Int
  /// The number of numbers of a set.
  package let count: Int
  /// The number of consecutive elements of a row that share a number.
  package let run: Int

  /// - Returns: nil if so many numbers do not fit the tensor.
  package init?(_ info: TensorInfo, _ rows: RowGeometry, numberCount: Int) {
    guard numberCount > 0, rows.length > 0,
      let size = Self.sizes(info, rows).first(where: { $0.matrices * $0.count == numberCount })
    else { return nil }
    matrixElementCount = max(1, info.elementCount / size.matrices)
    count = size.count
    run = rows.length / size.count
  }

  /// Returns the numbers of numbers that fit the tensor, the most natural one first.
  package static func fittingCounts(_ info: TensorInfo, _ rows: RowGeometry) -> [Int] {
    sizes(info, rows).map { $0.matrices * $0.count }
  }

  /// Returns the supported numbers of matrices and of numbers for each.
  private static func sizes(
    _ info: TensorInfo, _ rows: RowGeometry
  ) -> [(matrices: Int, count: Int)] {
    var counts = [rows.length]
    // The first axis of a convolution's rows is that of the input channels.
    if rows.axes.count > 1, rows.isContiguous {
      counts.append(info.shape.dimensions[rows.axes.lowerBound])
    }
    let matrices = info.shape.dimensions.dropLast(2).reduce(1, *)
    return counts.map { (1, $0) } + (rows.axes.count == 1 ? [(matrices, rows.length)] : [])
  }
}
