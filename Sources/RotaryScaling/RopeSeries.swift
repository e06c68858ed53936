package import Base
package import Rotary
import TensorCore

/// Frequencies of one model or method at one length, beside those that were trained.
package struct RopeSeries: Sendable {
  package let name: String
  package let kind: String?
  package let settings: RopeSettings
  package let length: Int?
  package let found: RopeFrequencies
  /// Frequencies without rescaling.
  package let trained: [Double]

  /// - Throws: what is wrong with the settings.
  package init(
    _ name: String, kind: String?, _ settings: RopeSettings, length: Int?, path: String
  ) throws(FormatError) {
    self.name = name
    self.kind = kind
    self.settings = settings
    self.length = length
    do throws(RopeFault) {
      found = try settings.frequencies(length: length)
      trained = try settings.unscaled.frequencies().inverse
    } catch { throw RopeModel.error(error, path: path) }
  }

  /// Positions of a turn of each pair of dimensions; infinite for those that stand still.
  package func wavelength(_ place: Int) -> Double {
    let frequency = found.inverse[place]
    return frequency > 0 ? 2 * .pi / frequency : .infinity
  }

  /// How many times slower each pair turns than in training.
  package func factor(_ place: Int) -> Double? {
    guard place < trained.count, found.inverse[place] > 0 else { return nil }
    return trained[place] / found.inverse[place]
  }

  /// The length from which on a pair of dimensions has angles that training never saw; nil if it saw a
  /// whole turn, or if the pair stands still.
  package func limit(_ place: Int) -> Double? {
    guard let length = settings.originalLength, place < trained.count,
      trained[place] > 0, let factor = factor(place)
    else { return nil }
    guard 2 * .pi / trained[place] > Double(length) else { return nil }
    return Double(length) * factor
  }
}
