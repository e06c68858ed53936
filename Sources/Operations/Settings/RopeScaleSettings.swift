import Base
import Recipes
package import RotaryScaling

/// The settings for how rotary frequencies are rescaled, and by how much.
package struct RopeScaleSettings: Codable, Sendable {
  package var method: RopeMethod
  /// The factor by which the context grows.
  package var factor: Double?
  /// The maximum context, in positions.
  package var context: Int?
  /// clex: the multiple of the trained length.
  package var time: Int?
  /// longrope: the path of a file with long_factor and short_factor, or a list of factors.
  package var factors: String?
  package var betaFast: Double?
  package var betaSlow: Double?
  package var attentionFactor: Double?
  package var lowFrequencyFactor: Double?
  package var highFrequencyFactor: Double?
  /// clex: true if the solver runs in float64.
  package var isExact = false
  /// clex: true if the original frequencies are kept up to the trained length.
  package var isShortExact = false
  /// clex: true if log_scale is set to its value at the maximum length.
  package var approximatesLogScale = false

  package init(method: RopeMethod) { self.method = method }
}

extension RopeMethod: Codable {}

extension RopeScaleSettings {
  /// Returns the scaling request.
  /// - Throws: All errors in the settings.
  func request() throws -> RopeRequest {
    try SeveralErrors.throwIfAny(errors)
    let target: RopeRequest.Target =
      factor.map { .factor($0) } ?? context.map { .context($0) } ?? .time(time ?? 1)
    var result = RopeRequest(
      method: method, target: target, isShortExact: isShortExact,
      approximatesLogScale: approximatesLogScale, isExact: isExact)
    let parameters = [
      ("beta_fast", betaFast), ("beta_slow", betaSlow), ("attention_factor", attentionFactor),
      ("low_freq_factor", lowFrequencyFactor), ("high_freq_factor", highFrequencyFactor),
    ]
    for (key, value) in parameters {
      if let value { result.parameters.append((key, value)) }
    }
    if let factors { try readFactors(factors, into: &result) }
    return result
  }

  private var errors: [any UserError] {
    var errors: [any UserError] = []
    let targets = [factor != nil, context != nil, time != nil].count { $0 }
    if targets != 1 {
      errors.append(
        UsageError(
          targets == 0
            ? "no target length given"
            : "\(setting: "factor"), \(setting: "context") and \(setting: "time") cannot be used together",
          hint:
            "pass \(setting: "factor") or \(setting: "context"), or for clex \(setting: "time")"
        ))
    }
    let clexOnly = [
      ("exact", isExact), ("short-exact", isShortExact), ("log-scale", approximatesLogScale),
    ]
    for (flag, isGiven) in clexOnly where isGiven && method != .clex {
      errors.append(
        UsageError("\(setting: flag) does not apply to \(setting: "method") \(method.rawValue)"))
    }
    if factors != nil, method != .longrope {
      errors.append(
        UsageError(
          "\(setting: "factors") does not apply to \(setting: "method") \(method.rawValue)"))
    }
    return errors
  }

  private func readFactors(_ path: String, into request: inout RopeRequest) throws {
    let value = try RecipeFile.read(path)
    func list(_ value: RecipeValue?, _ what: String) throws -> [Double]? {
      guard let value else { return nil }
      let numbers = value.asList?.compactMap(\.asNumber) ?? []
      guard !numbers.isEmpty, numbers.count == value.asList?.count else {
        throw UsageError("\(path.printable): line \(value.line): \(what) is not a list of numbers")
      }
      return numbers
    }
    if value.asList != nil {
      request.longFactors = try list(value, "the file")
      return
    }
    let members = Dictionary(
      (value.asMap ?? []).map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    request.longFactors = try list(members["long_factor"], "long_factor")
    request.shortFactors = try list(members["short_factor"], "short_factor")
    guard request.longFactors != nil else {
      throw UsageError(
        "\(path.printable): has no long_factor",
        hint: "write a list, or a map with the lists long_factor and short_factor")
    }
  }
}
