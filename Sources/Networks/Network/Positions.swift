package import Base
import Glibc
import Rotary

/// The positions of a run, with the cosines and sines of their rotation.
package final class Positions<Scalar: NetworkScalar> {
  package let windows: Windows
  /// A table for each of the network's rotary settings, shape `[length, rotated dimensions]`.
  package let tables: [Value<Scalar>]

  /// Creates positions with given tables.
  package init(_ windows: Windows, tables: [Value<Scalar>]) {
    self.windows = windows
    self.tables = tables
  }

  /// - Parameter context: The number of positions that frequencies which depend on the length are for; nil for those up to
  ///   the end of the windows.
  /// - Throws: ``FormatError`` if the model has no frequencies, or no embeddings, for so many positions.
  package init(
    _ network: Network<Scalar>, _ windows: Windows, context: Int? = nil, _ compute: Compute
  ) throws {
    self.windows = windows
    let end = windows.start + windows.length
    if network.configuration.rotations.isEmpty, let limit = network.configuration.positionLimit,
      end > limit
    {
      throw FormatError(
        .networkPositions, "has embeddings for \(limit) positions, found \(end) tokens",
        path: network.path, hint: "use shorter windows")
    }
    tables = try network.configuration.rotations.map { settings in
      do throws(RopeFault) {
        let frequencies = try settings.frequencies(length: context ?? end)
        return Self.table(frequencies, windows, in: compute.arena)
      } catch {
        throw FormatError(
          .networkPositions, error.message, path: network.path, hint: error.hint)
      }
    }
  }

  /// Returns the cosines, then the sines, of position · frequency, times the attention factor.
  private static func table(
    _ frequencies: RopeFrequencies, _ windows: Windows, in arena: Arena
  ) -> Value<Scalar> {
    let half = frequencies.inverse.count
    let table = Value<Scalar>([windows.length, 2 * half], in: arena)
    guard !arena.isCounting else { return table }
    var target = table.mutableSpan
    for row in 0..<windows.length {
      for (index, frequency) in frequencies.inverse.enumerated() {
        let angle = Double(windows.start + row) * frequency
        let place = row * 2 * half + index
        target[place] = Scalar(cos(angle) * frequencies.attentionFactor)
        target[place + half] = Scalar(sin(angle) * frequencies.attentionFactor)
      }
    }
    return table
  }
}

extension FormatError.Code {
  package static let networkPositions = FormatError.Code(
    "network.positions",
    meaning: "A model is asked for more positions than it can represent.",
    remedy: "Use shorter windows, or rescale the rotary frequencies of the model.")
}
