/// The kind of law that is fitted to losses.
package enum LawKind: String, Codable, Sendable, CaseIterable {
  /// L = E + A · N^(−α).
  case power
  /// L = A · N^(−α).
  case powerWithoutFloor = "power-without-floor"
  /// L = E + A · N^(−α) + B · D^(−β).
  case chinchilla
}

/// A law that was fitted to losses.
package enum FittedLaw: Sendable, Equatable {
  case power(PowerLaw)
  case chinchilla(ChinchillaLaw)
}

/// A model that was trained on repeated data, compared with the family of models without repeats.
package struct EffectiveSize: Sendable, Equatable {
  package let size: Double
  /// The number of times that the repeated part was seen; nil if it is not known.
  package let repeats: Double?
  package let loss: Double
  /// The loss of the law for the size, and for the same number of tokens.
  package let expectedLoss: Double
  /// The size of the model of the family that has the loss after the same number of tokens; nil if no size has it.
  package let effective: Double?

  /// Compares a model with a law.
  ///
  /// Returns nil if the law depends on the number of tokens and `tokens` is nil.
  package init?(size: Double, tokens: Double?, repeats: Double?, loss: Double, _ law: FittedLaw) {
    switch law {
    case .power(let law):
      expectedLoss = law.loss(ofSize: size)
      effective = law.size(ofLoss: loss)
    case .chinchilla(let law):
      guard let tokens else { return nil }
      expectedLoss = law.loss(ofSize: size, tokens: tokens)
      effective = law.size(ofLoss: loss, tokens: tokens)
    }
    self.size = size
    self.repeats = repeats
    self.loss = loss
  }

  package var ratio: Double? { effective.map { $0 / size } }
}
