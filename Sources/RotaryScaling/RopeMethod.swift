/// A method that extends the context of a model.
package enum RopeMethod: String, CaseIterable, Sendable {
  case pi, ntk, dynamic, yarn, longrope, llama3, clex

  /// A short phrase for lists.
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

/// The settings of `rope scale`: the method, the target length and the parameters.
package struct RopeRequest: Sendable {
  /// The target of the scaling.
  package enum Target: Sendable, Equatable {
    /// A multiple of the trained length.
    case factor(Double)
    /// A number of positions.
    case context(Int)
    /// For CLEX, a whole multiple of the trained length.
    case time(Int)
  }

  package var method: RopeMethod
  package var target: Target
  /// For longrope, the factor of each frequency beyond the trained length.
  package var longFactors: [Double]?
  /// For longrope, the factor of each frequency up to the trained length.
  package var shortFactors: [Double]?
  /// The parameters of the method, under their keys in configurations.
  package var parameters: [(key: String, value: Double)]
  /// For CLEX, true if the model stays unchanged up to its trained length.
  package var isShortExact: Bool
  /// For CLEX, true if `log_scale`, which grows with the length, is replaced by its value at the full length.
  package var approximatesLogScale: Bool
  /// For CLEX, true to solve in float64.
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

  /// Returns the keys of the parameters that a method accepts in addition to its factor.
  static func parameterKeys(of method: RopeMethod) -> [String] {
    switch method {
    case .yarn: ["beta_fast", "beta_slow", "attention_factor", "mscale", "mscale_all_dim"]
    case .longrope: ["attention_factor"]
    case .llama3: ["low_freq_factor", "high_freq_factor"]
    case .pi, .ntk, .dynamic, .clex: []
    }
  }
}
