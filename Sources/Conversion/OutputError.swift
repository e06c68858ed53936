import Base
import Packing
import Surveys
import Synchronization
package import TensorCore

/// The error of the outputs of a layer whose weights are stored with loss: Σ (w − ŵ)² · E[x²], where x is the input that a
/// weight is multiplied with.
///
/// This is the mean square of the error of all outputs together if inputs are not correlated. It is compared with
/// Σ w² · E[x²], the mean square of the outputs.
package final class OutputError: Sendable {
  private let rows: RowGeometry
  private let channels: InputChannels
  /// The mean squares of the inputs, for each element of a row; those of several matrices one after another.
  private let weights: [Float]
  /// The sums over each chunk, by its first element, so that they are added in a fixed order.
  private let sums = Mutex<[Int: Distance]>([:])

  /// - Parameter meanSquares: A number for each input, as ``InputChannels`` describes.
  /// - Returns: nil if the numbers do not fit the tensor.
  package init?(_ info: TensorInfo, _ rows: RowGeometry, meanSquares: [Double]) {
    guard let channels = InputChannels(info, rows, numberCount: meanSquares.count) else {
      return nil
    }
    self.rows = rows
    self.channels = channels
    // A common factor does not change the relative error, and keeps the numbers in the range of float32.
    let largest = meanSquares.max() ?? 0
    let scale = largest > 0 ? 1 / largest : 1
    weights = meanSquares.flatMap { square in
      repeatElement(Float(square * scale), count: channels.run)
    }
  }

  /// Adds the errors of the chunks that an encoding stores.
  var comparing: SumEncoding.Comparing {
    { elements, values, stored in self.add(elements, values, stored) }
  }

  /// Adds the error of a chunk.
  package func add(
    _ elements: Range<Int>, _ values: borrowing RawSpan, _ stored: borrowing RawSpan
  ) {
    var sum = Distance()
    // A segment is a part of a row, or of a line of elements with the same input.
    let size = rows.isContiguous ? rows.length : rows.inner
    let weights = weights
    var start = elements.lowerBound
    while start < elements.upperBound {
      let end = min(elements.upperBound, (start / size + 1) * size)
      let bytes = 4 * (start - elements.lowerBound)..<4 * (end - elements.lowerBound)
      let first = weightIndex(of: start)
      if rows.isContiguous {
        Kernels.best.addDistance(
          of: values.extracting(bytes), from: stored.extracting(bytes),
          weights: weights.rawSpan.extracting(4 * first..<4 * (first + end - start)), to: &sum)
      } else {
        var line = Distance()
        Kernels.best.addDistance(
          of: values.extracting(bytes), from: stored.extracting(bytes), to: &line)
        let weight = Double(weights[first])
        sum.squares += weight * line.squares
        sum.normSquares += weight * line.normSquares
      }
      start = end
    }
    let total = sum
    sums.withLock { $0[elements.lowerBound] = total }
  }

  /// Returns the place of the weight of an element.
  private func weightIndex(of element: Int) -> Int {
    let width = channels.count * channels.run
    let matrix = weights.count == width ? 0 : element / channels.matrixElementCount
    return matrix * width + rows.position(of: element).column
  }

  /// The relative error of all outputs, squared; nil if no chunk was added, or if all outputs are 0.
  package var relativeSquare: Double? {
    let parts = sums.withLock { $0.sorted { $0.key < $1.key }.map(\.value) }
    var total = Distance()
    for part in parts { total.add(part) }
    return total.normSquares > 0 ? total.squares / total.normSquares : nil
  }
}
