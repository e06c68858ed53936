/// A test of the products of OpenBLAS against plain loops.
///
/// Some versions compute wrong products with the kernels of some processors. The shapes have rows and columns that no
/// kernel divides, and are longer than the blocks of the kernels in each direction.
package struct SelfTest {
  private struct Shape {
    var rows: Int
    var columns: Int
    var depth: Int
  }

  private let library: OpenBLASLibrary
  /// The largest error of a value in units of its bound.
  private let limit: Double

  /// The bound covers the rounding of the product; the plain loop for `Double` rounds as much.
  package static let standardLimit = 2.0

  private static let shapes = [
    Shape(rows: 1, columns: 1, depth: 1), Shape(rows: 5, columns: 3, depth: 7),
    Shape(rows: 33, columns: 17, depth: 65), Shape(rows: 19, columns: 70, depth: 401),
    Shape(rows: 781, columns: 5, depth: 9), Shape(rows: 5, columns: 781, depth: 9),
  ]
  private static let transposes = [(false, false), (false, true), (true, false), (true, true)]

  /// The number of products that are compared.
  package static var productCount: Int { 2 * shapes.count * transposes.count }

  package init(_ library: OpenBLASLibrary, limit: Double = standardLimit) {
    self.library = library
    self.limit = limit
  }

  package func run() throws(BLASError) {
    for shape in Self.shapes {
      for (aTransposed, bTransposed) in Self.transposes {
        for adding in [false, true] {
          // Adding is tested with one scalar and replacing with the other, then the other way round.
          let swaps = aTransposed != bTransposed
          if adding != swaps {
            try compare(shape, aTransposed, bTransposed, adding, as: Float.self)
          } else {
            try compare(shape, aTransposed, bTransposed, adding, as: Double.self)
          }
        }
      }
    }
  }

  private func compare<S: BLASScalar>(
    _ sizes: Shape, _ aTransposed: Bool, _ bTransposed: Bool, _ adding: Bool, as _: S.Type
  ) throws(BLASError) {
    let shape = ProductShape(
      rows: sizes.rows, columns: sizes.columns, depth: sizes.depth, aTransposed: aTransposed,
      bTransposed: bTransposed,
      aStride: (aTransposed ? sizes.rows : sizes.depth) + 3,
      bStride: (bTransposed ? sizes.depth : sizes.columns) + 1, cStride: sizes.columns + 2)
    let a: [S] = Self.values(count: shape.aCount, seed: 1)
    let b: [S] = Self.values(count: shape.bCount, seed: 2)
    // A product that is not added must not depend on what C contains.
    let before: [S] =
      adding
      ? Self.values(count: shape.cCount, seed: 3)
      : [S](repeating: .nan, count: shape.cCount)
    let scale: S = adding ? -0.75 : 1
    var c = before
    // SAFETY: the arrays have the counts of the shape.
    unsafe c.withUnsafeMutableBufferPointer { c in
      unsafe a.withUnsafeBufferPointer { a in
        unsafe b.withUnsafeBufferPointer { b in
          let product = unsafe MatrixProduct(
            a: a.baseAddress!, b: b.baseAddress!, c: c.baseAddress!, shape: shape, scale: scale,
            adding: adding)
          S.multiply(product, with: library)
        }
      }
    }
    let error = Self.largestError(of: c, before, a, b, shape, scale, adding)
    // A NaN is an error too.
    guard error <= limit else {
      throw BLASError(
        .wrongProduct(
          Self.name(of: shape, adding, S.self), core: library.coreName, error: error,
          limit: limit),
        path: library.path)
    }
  }

  /// Returns numbers in -0.5 ..< 0.5 that look random.
  private static func values<S: BLASScalar>(count: Int, seed: Int) -> [S] {
    (0..<count).map { S(($0 * 7_919 + seed * 4_243) % 10_007) / 10_007 - 0.5 }
  }

  /// Returns the largest error of a value of C relative to (depth + 3) · u · (|scale| · Σ |a| |b| + |c|), where u is the
  /// unit roundoff: the bound of a sum in any order. Source: Higham, Accuracy and Stability of Numerical Algorithms,
  /// second edition, section 3.1.
  private static func largestError<S: BLASScalar>(
    of c: [S], _ before: [S], _ a: [S], _ b: [S], _ shape: ProductShape, _ scale: S, _ adding: Bool
  ) -> Double {
    let unit = Double(S.ulpOfOne) / 2 * Double(shape.depth + 3)
    var largest = 0.0
    for row in 0..<shape.rows {
      for column in 0..<shape.columns {
        var (sum, magnitudes) = (0.0, 0.0)
        for k in 0..<shape.depth {
          let left = a[shape.aTransposed ? k * shape.aStride + row : row * shape.aStride + k]
          let right = b[shape.bTransposed ? column * shape.bStride + k : k * shape.bStride + column]
          let term = Double(left) * Double(right)
          sum += term
          magnitudes += term.magnitude
        }
        let place = row * shape.cStride + column
        let start = adding ? Double(before[place]) : 0
        let expected = Double(scale) * sum + start
        let bound = unit * (Double(scale).magnitude * magnitudes + start.magnitude)
        let error = (Double(c[place]) - expected).magnitude / max(bound, .leastNormalMagnitude)
        // The comparison keeps a NaN.
        if !(error <= largest) { largest = error }
        if largest.isNaN { return largest }
      }
    }
    return largest
  }

  private static func name<S: BLASScalar>(
    of shape: ProductShape, _ adding: Bool, _: S.Type
  ) -> String {
    let size = "\(shape.rows) x \(shape.depth) x \(shape.columns)"
    let details = [
      shape.aTransposed ? "the first matrix transposed" : nil,
      shape.bTransposed ? "the second matrix transposed" : nil,
      adding ? "added to a matrix" : nil,
    ].compactMap(\.self)
    let type = S.self == Float.self ? "float32" : "float64"
    return (["a product of \(size) in \(type)"] + details).joined(separator: ", ")
  }
}
