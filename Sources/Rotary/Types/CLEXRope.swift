import Base

/// CLEX: frequencies that change with the length as a small trained network defines.
///
/// Source: Chen et al., "CLEX: Continuous length extrapolation for large language models", ICLR 2024.
/// Without the trained layer, the result is NTK-aware scaling.
package enum CLEXRope: RopeType {
  package static let name = "clex"
  package static let summary = "continuous dynamics of frequencies, trained"
  package static let requiredKeys = ["max_factor"]
  package static let isScaling = false
  package static let parameterKeys = ["max_factor", "param_factor", "act", "time_dt", "factor"]

  package static func frequencies(
    _ settings: RopeSettings, length: Int?
  ) throws(RopeFault) -> RopeFrequencies {
    let layer = settings.clex ?? CLEXLayer(untrained: settings)
    guard let trained = settings.maximumLength else {
      throw RopeFault("rope type 'clex' needs 'max_position_embeddings'")
    }
    let (whole, rest) = (length ?? 0).quotientAndRemainder(dividingBy: max(1, trained))
    let time = max(1, whole + (rest > 0 ? 1 : 0))
    return try frequencies(layer, settings, time: time)
  }

  /// Returns the frequencies for `time` times the trained length.
  /// - Parameter isExact: true to solve in float64; the official code solves in float32.
  package static func frequencies(
    _ layer: CLEXLayer, _ settings: RopeSettings, time: Int, isExact: Bool = false
  ) throws(RopeFault) -> RopeFrequencies {
    let parameters = try CLEXParameters(settings)
    try layer.check(settings, parameters)
    guard time <= parameters.maximumFactor else {
      let limit = settings.maximumLength.flatMap { trained -> Int? in
        let (length, overflow) = trained.multipliedReportingOverflow(by: parameters.maximumFactor)
        return overflow ? nil : length
      }
      throw RopeFault(
        "\(time) times the trained length exceeds max_factor \(parameters.maximumFactor)"
          + (limit.map { " (\($0) positions)" } ?? ""),
        hint: "use a shorter length; the official code truncates longer inputs silently")
    }
    guard time > 1 else {
      return RopeFrequencies(inverse: layer.inverse.map(Double.init), time: 1)
    }
    return try solved(layer, settings, isExact: isExact)[time - 1]
  }

  /// Returns the frequencies for all times from 1 to `max_factor`.
  ///
  /// They are solved together because the grid depends on the last time if the step does not divide 1.
  package static func solved(
    _ layer: CLEXLayer, _ settings: RopeSettings, isExact: Bool = false
  ) throws(RopeFault) -> [RopeFrequencies] {
    let parameters = try CLEXParameters(settings)
    try layer.check(settings, parameters)
    let end = parameters.maximumFactor
    let logs =
      isExact
      ? CLEXSolver<Double>(layer, parameters).solution(until: end)
      : CLEXSolver<Float>(layer, parameters).solution(until: end).map { $0.map(Double.init) }
    return logs.enumerated().map { index, logs in
      RopeFrequencies(
        inverse: index == 0
          ? layer.inverse.map(Double.init) : logs.map { Exponential.exp($0) },
        time: index + 1)
    }
  }
}
