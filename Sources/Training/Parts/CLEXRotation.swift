import Base
import Glibc
package import Networks
package import Rotary

/// The frequencies of CLEX in training: the projections, and the positions of each step.
///
/// Source: Chen et al., "CLEX: Continuous length extrapolation for large language models", ICLR 2024, section 3.
package final class CLEXRotation<Scalar: NetworkScalar> {
  package let settings: CLEXFitSettings
  package let up: ResidentParameter<Scalar>
  package let down: ResidentParameter<Scalar>
  /// The logarithms of the frequencies at time 1.
  private let start: Value<Scalar>

  /// - Parameter prefix: The prefix of the names of tensors, such as `model.`.
  package init(_ settings: CLEXFitSettings, prefix: String, seed: UInt64, in arena: Arena) {
    self.settings = settings
    let half = settings.layer.inverse.count
    let width = settings.parameters.width(frequencyCount: half)
    func parameter(
      _ name: String, _ shape: [Int], _ numbers: [Float], _ new: (String) -> Value<Scalar>
    ) -> ResidentParameter<Scalar> {
      let name = prefix + name
      return ResidentParameter(
        name, numbers.isEmpty ? new(name) : Value(shape, numbers.map { Scalar($0) }, in: arena),
        isTrained: true)
    }
    let names = CLEXLayer.tensorNames
    up = parameter(names[1], [half, width], settings.layer.up) {
      .uniform([half, width], $0, seed: seed, limit: 1 / Float(width).squareRoot(), in: arena)
    }
    down = parameter(names[2], [width, half], settings.layer.down) { _ in
      Value([width, half], isZero: true, in: arena)
    }
    start = Value(
      [half], settings.layer.inverse.map { Scalar(log(Double($0))) }, in: arena)
  }

  /// Returns the positions of a step, whose table depends on the projections unless its time is 1.
  /// - Parameter step: The number of the step, counted from 0; nil for plain positions at the time of their length.
  package func positions(
    ofStep step: Int?, _ windows: Windows, _ tape: Tape<Scalar>
  ) throws -> Positions<Scalar> {
    let maximum = settings.parameters.maximumFactor
    let isCounting = tape.isCounting
    var time = min(
      maximum, (windows.length + settings.trainedLength - 1) / settings.trainedLength)
    var positions = (0..<windows.length).map { Double($0) }
    if let step {
      time = isCounting ? maximum : settings.draws.time(ofStep: step, maximum: maximum)
      if !isCounting {
        positions = settings.draws.positions(
          ofStep: step, time: time, count: windows.length, trainedLength: settings.trainedLength)
      }
    }
    var logs = start
    if time > 1 {
      logs = try tape.apply(
        CLEXFrequencies(settings.parameters, time: time), [start], [up, down])
    }
    return Positions(windows, tables: [try tape.apply(RotaryTable(positions), [logs])])
  }
}

/// The settings of a CLEX fit.
package struct CLEXFitSettings: Sendable {
  package var parameters: CLEXParameters
  /// The number of positions that the model was trained with.
  package var trainedLength: Int
  /// The frequencies at time 1, with projections to start from if there are any.
  package var layer: CLEXLayer
  package var draws: CLEXDraws
  /// The learning rate of the projections as a multiple of that of the recipe.
  package var rateFactor = 1.0
  /// The largest norm of the gradients of the projections, which then do not count for the limit of the others; nil for one
  /// norm of all.
  package var clip: Double?

  package init(
    _ parameters: CLEXParameters, trainedLength: Int, layer: CLEXLayer, draws: CLEXDraws
  ) {
    self.parameters = parameters
    self.trainedLength = trainedLength
    self.layer = layer
    self.draws = draws
  }
}
