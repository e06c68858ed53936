import Base
import Checkpoints
import Conversion
import TensorCore
import TestSupport
import Testing

/// The error of the outputs of a layer, by which types are chosen with statistics of its inputs.
@Suite struct OutputErrorTests {
  /// Returns the relative error from its definition, element by element.
  /// - Parameter input: The place of the mean square that belongs to an element.
  private func expected(
    _ values: [Float], _ stored: [Float], _ squares: [Double], input: (Int) -> Int
  ) -> Double {
    var (error, norm) = (0.0, 0.0)
    for index in values.indices {
      let (value, square) = (Double(values[index]), squares[input(index)])
      error += square * (value - Double(stored[index])) * (value - Double(stored[index]))
      norm += square * value * value
    }
    return error / norm
  }

  struct Layout: Sendable, CustomTestStringConvertible {
    let name: String
    let shape: [Int]
    let axes: Range<Int>
    let numberCount: Int
    let input: @Sendable (Int) -> Int
    var testDescription: String { name }
  }

  @Test(
    "errors count by the mean square of the input of their weight",
    arguments: [
      Layout(name: "matrix", shape: [5, 7], axes: 1..<2, numberCount: 7) { $0 % 7 },
      Layout(name: "inputs first", shape: [7, 5], axes: 0..<1, numberCount: 7) { $0 / 5 },
      Layout(name: "experts", shape: [3, 4, 6], axes: 2..<3, numberCount: 18) {
        $0 / 24 * 6 + $0 % 6
      },
      Layout(name: "experts with one input", shape: [3, 4, 6], axes: 2..<3, numberCount: 6) {
        $0 % 6
      },
      Layout(name: "convolution", shape: [2, 3, 2, 2], axes: 1..<4, numberCount: 3) {
        $0 % 12 / 4
      },
    ])
  func weights(layout: Layout) throws {
    var random = SeededGenerator(seed: 3)
    let shape = try Shape(layout.shape)
    let info = try TensorInfo(name: "w", dtype: .f32, shape: shape)
    let values = (0..<info.elementCount).map { _ in Float.random(in: -1...1, using: &random) }
    let stored = values.map { ($0 * 4).rounded() / 4 }
    let squares = (0..<layout.numberCount).map { _ in Double.random(in: 0...9, using: &random) }
    let error = try #require(
      OutputError(info, RowGeometry(shape, axes: layout.axes), meanSquares: squares))
    // Chunks may end inside of a row.
    let cut = info.elementCount / 2 + 1
    for part in [cut..<info.elementCount, 0..<cut] {
      let (own, other) = (Array(values[part]), Array(stored[part]))
      error.add(part, own.rawSpan, other.rawSpan)
    }
    let found = try #require(error.relativeSquare)
    let wanted = expected(values, stored, squares, input: layout.input)
    #expect(abs(found - wanted) < 1e-6 * wanted)
  }

  @Test("numbers that do not fit a tensor are not used")
  func unfit() throws {
    let shape = try Shape([5, 7])
    let info = try TensorInfo(name: "w", dtype: .f32, shape: shape)
    #expect(OutputError(info, RowGeometry(shape), meanSquares: [1, 2, 3, 4, 5]) == nil)
  }

  @Test("an error of 0 outputs is unknown")
  func zero() throws {
    let shape = try Shape([2, 2])
    let info = try TensorInfo(name: "w", dtype: .f32, shape: shape)
    let error = try #require(OutputError(info, RowGeometry(shape), meanSquares: [0, 0]))
    let (values, stored) = ([1, 2, 3, 4] as [Float], [0, 0, 0, 0] as [Float])
    error.add(0..<4, values.rawSpan, stored.rawSpan)
    #expect(error.relativeSquare == nil)
  }
}
