/// The score of a token by a model, given the tokens before it.
package struct TokenScore: Sendable, Equatable {
  /// The natural logarithm of the probability of the token.
  package var logProbability: Double
  /// The most probable token, the first of equals.
  package var top: Int32
}

/// The scores of a token by two models.
package struct TokenComparison: Sendable, Equatable {
  package var base: TokenScore
  package var other: TokenScore
  /// The Kullback–Leibler divergence Σ p (log p − log q) of the other model's distribution q from the base's p, in nats.
  package var divergence: Double
}
