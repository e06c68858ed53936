import Base

/// Frequencies that a small trained network moves along as the length grows.
///
/// Source: Chen et al., "CLEX: Continuous length extrapolation for large language models", ICLR 2024. A
/// model without the trained layer has the dynamics of NTK-aware scaling.
package enum CLEXRope: RopeType {
  package static let name = "clex"
  package static let summary = "continuous dynamics of frequencies, trained"
  package static let requiredKeys = ["max_factor"]

  package static func frequencies(
    _ settings: RopeSettings, length: Int?
  ) throws(RopeFault) -> RopeFrequencies {
    let layer = settings.clex ?? CLEXLayer(untrained: settings)
    guard let trained = settings.maximumLength else {
      throw RopeFault("rope type 'clex' needs 'max_position_embeddings'")
    }
    let time = max(1, ((length ?? 0) + trained - 1) / trained)
    return try frequencies(layer, settings, time: time)
  }

  /// The frequencies of `time` times the trained length.
  /// - Parameter isExact: whether to solve in float64, not as the official code does.
  package static func frequencies(
    _ layer: CLEXLayer, _ settings: RopeSettings, time: Int, isExact: Bool = false
  ) throws(RopeFault) -> RopeFrequencies {
    let parameters = try CLEXParameters(settings)
    try layer.check(settings, parameters)
    guard time <= parameters.maximumFactor else {
      let limit = settings.maximumLength.map { $0 * parameters.maximumFactor }
      throw RopeFault(
        "\(time) times the trained length is beyond max_factor \(parameters.maximumFactor)"
          + (limit.map { ": \($0) positions" } ?? ""),
        hint: "take a length up to that; the official code cuts longer ones off without a word")
    }
    guard time > 1 else {
      return RopeFrequencies(inverse: layer.inverse.map(Double.init), time: 1)
    }
    return try solved(layer, settings, isExact: isExact)[time - 1]
  }

  /// The frequencies of all times from 1 to `max_factor`, which are solved together: a step that does not
  /// divide 1 meets them in places that depend on the last.
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
    return logs.enumerated().map { place, logs in
      RopeFrequencies(
        inverse: place == 0
          ? layer.inverse.map(Double.init) : logs.map { Exponential.exp($0) },
        time: place + 1)
    }
  }
}
