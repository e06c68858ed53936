/// The change of the values of examples before the network: (x / divisor − mean) / deviation, with a mean and a
/// deviation for each channel.
package struct InputScaling: Sendable, Equatable {
  package var divisor = 1.0
  /// A number for all channels, or one for each; empty for 0.
  package var mean: [Double] = []
  /// A number for all channels, or one for each; empty for 1.
  package var deviation: [Double] = []

  package init() {}
}
