/// A way to make a model's context longer.
package enum RopeMethod: String, CaseIterable, Sendable {
  case pi, ntk, dynamic, yarn, longrope, llama3, clex

  package var summary: String {
    switch self {
    case .pi: "all frequencies divided; needs tuning"
    case .ntk: "a larger base, at all lengths"
    case .dynamic: "a base that grows with the length"
    case .yarn: "slow dimensions divided, scores scaled"
    case .longrope: "a factor for each dimension, from a file"
    case .llama3: "long waves divided, short ones kept"
    case .clex: "the trained dynamics of CLEX at one length; NTK without them"
    }
  }
}

/// What `rope scale` is asked for.
package struct RopeRequest: Sendable {
  package enum Target: Sendable, Equatable {
    case factor(Double)
    case context(Int)
    /// Of CLEX: so many times the trained length.
    case time(Int)
  }

  package var method: RopeMethod
  package var target: Target
  /// Of longrope.
  package var longFactors: [Double]?
  package var shortFactors: [Double]?
  /// Parameters of the method, by the names that configurations have for them.
  package var parameters: [(key: String, value: Double)]
  /// Of CLEX: whether the model is as it was up to its trained length.
  package var isShortExact: Bool
  /// Of CLEX: whether a scale that grows with the length is approached by that of the whole length.
  package var approximatesLogScale: Bool
  /// Of CLEX: whether to solve in float64.
  package var isExact: Bool

  package init(
    method: RopeMethod, target: Target, longFactors: [Double]? = nil,
    shortFactors: [Double]? = nil, parameters: [(key: String, value: Double)] = [],
    isShortExact: Bool = false, approximatesLogScale: Bool = false, isExact: Bool = false
  ) {
    self.method = method
    self.target = target
    self.longFactors = longFactors
    self.shortFactors = shortFactors
    self.parameters = parameters
    self.isShortExact = isShortExact
    self.approximatesLogScale = approximatesLogScale
    self.isExact = isExact
  }

  /// Parameters that a method takes beside its factor.
  static func parameterKeys(of method: RopeMethod) -> [String] {
    switch method {
    case .yarn: ["beta_fast", "beta_slow", "attention_factor", "mscale", "mscale_all_dim"]
    case .longrope: ["attention_factor"]
    case .llama3: ["low_freq_factor", "high_freq_factor"]
    case .pi, .ntk, .dynamic, .clex: []
    }
  }
}
