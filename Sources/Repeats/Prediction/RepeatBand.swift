import Base
import Glibc

/// The numbers of repeats at which repeated data hurt a model most, by its size.
///
/// The edges are left(N) = 4.2e6 · N^−0.56 and right(N) = 5.1e7 · N^−0.50 for N parameters.
/// Source: Hernandez et al., "Scaling Laws and Interpretability of Learning from Repeated Data", arXiv 2205.10487,
/// as third parties cite its fits. They come from models of 1.5 million to a billion parameters trained on 100 billion
/// tokens, with a random subset repeated.
package struct RepeatBand: Sendable, Equatable {
  package enum Position: String, Sendable { case below, inside, above }

  /// The sizes of the models that were fitted.
  package static let measuredSizes = 1.5e6...1e9

  package let left: Double
  package let right: Double

  /// - Parameter parameters: The number of parameters, above 0.
  package init(parameters: Double) {
    left = 4.2e6 * pow(parameters, -0.56)
    right = 5.1e7 * pow(parameters, -0.5)
  }

  package func position(ofRepeats repeats: Double) -> Position {
    repeats < left ? .below : repeats > right ? .above : .inside
  }

  /// A result that was published.
  package struct Point: Sendable, Equatable {
    package var parameters: Double
    /// The share of the tokens that were repeated ones.
    package var share: Double
    package var repeats: Double
    package var effect: String
  }

  package static let points = [
    Point(
      parameters: 800e6, share: 0.1, repeats: 100,
      effect: "test loss of a model of about 340 to 400 million parameters"),
    Point(
      parameters: 10e6, share: 0.1, repeats: 1220,
      effect: "test loss of a model of 0.55 times the size"),
    Point(
      parameters: 100e6, share: 0.1, repeats: 1220,
      effect: "test loss of a model of 0.55 times the size"),
    Point(
      parameters: 1e9, share: 0.1, repeats: 1220,
      effect: "test loss of a model of 0.8 times the size"),
  ]

  /// Returns the published point whose size, share and repeats differ by the smallest factors.
  package static func nearest(parameters: Double, share: Double, repeats: Double) -> Point {
    func distance(_ point: Point) -> Double {
      let logarithms = [
        log(point.parameters / parameters), log(point.share / share), log(point.repeats / repeats),
      ]
      return logarithms.reduce(0) { $0 + $1 * $1 }
    }
    return points.min { distance($0) < distance($1) } ?? points[0]
  }
}
