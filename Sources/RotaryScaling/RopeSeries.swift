package import Base
package import Rotary
import TensorCore

/// The frequencies of one model or method for one length, with the trained frequencies for comparison.
package struct RopeSeries: Sendable {
  package let name: String
  package let kind: String?
  package let settings: RopeSettings
  package let length: Int?
  /// The frequencies for `length`.
  package let found: RopeFrequencies
  /// The frequencies without rescaling.
  package let trained: [Double]

  /// - Throws: ``FormatError`` that names `path` and the key of an invalid setting.
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

  /// Returns the wavelength of a pair of dimensions: the number of positions of one full rotation. It is infinite for
  /// a pair with frequency 0.
  package func wavelength(_ pair: Int) -> Double {
    let frequency = found.inverse[pair]
    return frequency > 0 ? 2 * .pi / frequency : .infinity
  }

  /// Returns how many times slower a pair rotates than in training; nil for a pair with frequency 0.
  package func factor(_ pair: Int) -> Double? {
    guard pair < trained.count, found.inverse[pair] > 0 else { return nil }
    return trained[pair] / found.inverse[pair]
  }

  /// Returns the length beyond which a pair of dimensions has angles that did not occur in training; nil if training
  /// covered a full rotation, or if the frequency of the pair is 0.
  package func limit(_ pair: Int) -> Double? {
    guard let length = settings.originalLength, pair < trained.count,
      trained[pair] > 0, let factor = factor(pair)
    else { return nil }
    guard 2 * .pi / trained[pair] > Double(length) else { return nil }
    return Double(length) * factor
  }
}
