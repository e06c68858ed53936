/// The part of a network that a training changes.
package enum TrainedPart: Sendable, Equatable {
  /// All weights.
  case weights
  /// Low-rank adapters of linear layers; the weights stay as they are.
  case adapters(AdapterSettings)
  /// No part of the network itself, only trained frequencies.
  case frequencies

  /// True if the weights of the network stay as they are.
  package var freezesWeights: Bool { self != .weights }
}
