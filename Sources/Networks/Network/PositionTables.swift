/// The positions of a network for the windows of each batch so far.
package struct PositionTables<Scalar: NetworkScalar> {
  private var known: [Positions<Scalar>] = []

  package init() {}

  /// Returns the positions of some windows, which are computed once.
  /// - Throws: ``FormatError`` if the network has no frequencies, or no embeddings, for so many positions.
  package mutating func positions(
    of network: Network<Scalar>, _ windows: Windows, _ compute: Compute
  ) throws -> Positions<Scalar> {
    if let found = known.first(where: { $0.windows == windows }) { return found }
    let positions = try Positions(network, windows, compute)
    known.append(positions)
    return positions
  }
}
