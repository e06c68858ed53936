import Base
package import Networks

/// The distances between a block of a model and that of a base.
package struct LayerComparison: Sendable, Equatable {
  package let layer: Int
  private var state = SquaredDistance()
  private var update = SquaredDistance()
  private var parts: [String: SquaredDistance] = [:]

  init(layer: Int) { self.layer = layer }

  /// The comparison as a journal stores it.
  fileprivate var record: CBORValue {
    .array([
      state.record, update.record,
      .array(parts.sorted { $0.key < $1.key }.map { .array([.text($0.key), $0.value.record]) }),
    ])
  }

  /// Creates a stored comparison; nil if the record has another form.
  fileprivate init?(layer: Int, _ record: CBORValue) {
    guard let items = record.asArray, items.count == 3, let state = SquaredDistance(items[0]),
      let update = SquaredDistance(items[1]), let pairs = items[2].asArray
    else { return nil }
    self.init(layer: layer)
    (self.state, self.update) = (state, update)
    for pair in pairs {
      guard let pair = pair.asArray, pair.count == 2, let name = pair[0].asText,
        let distance = SquaredDistance(pair[1])
      else { return nil }
      parts[name] = distance
    }
  }

  /// ‖x − x̂‖ / ‖x‖ of the hidden states after the block, over all tokens: the errors of all blocks so far.
  package var relativeDistance: Double { state.relative }

  /// ‖f(x) − f̂(x)‖ / ‖f(x) − x‖ of the block alone, both fed with the hidden states x of the base: the part of what the
  /// block does that is wrong.
  package var blockError: Double { update.relative }

  /// The linear layer in the block whose input differs most, both blocks fed with the states of the base, with its relative
  /// distance; nil if no input differs.
  package var worstInput: (name: String, distance: Double)? {
    parts.map { ($0.key, $0.value.relative) }.filter { $0.1 > 0 }
      .max { ($0.1, $1.0) < ($1.1, $0.0) }
  }

  /// The share of what a block does, or of what one of its layers reads, from which on the block is called broken: weights
  /// of 4 bits have about 0.1 and of 3 bits 0.25, permuted or missing ones 0.45 to 1.
  private static let brokenShare = 0.4

  package var isBroken: Bool { max(blockError, worstInput?.distance ?? 0) >= Self.brokenShare }

  mutating func add(
    _ expected: Value<Float>, found: Value<Float>, own: Value<Float>, input: Value<Float>,
    _ compute: Compute
  ) throws {
    try state.add(
      compute.squaredDistance(expected, found), norm: compute.squaredNorm(expected))
    try update.add(
      compute.squaredDistance(expected, own), norm: compute.squaredDistance(expected, input))
  }

  /// Adds the inputs of a linear layer; they have other shapes if experts get other tokens.
  mutating func add(
    _ expected: Value<Float>, _ found: Value<Float>, of name: String, _ compute: Compute
  ) throws {
    let norm = try compute.squaredNorm(expected)
    let distance =
      expected.shape == found.shape ? try compute.squaredDistance(expected, found) : norm
    parts[name, default: SquaredDistance()].add(distance, norm: norm)
  }
}

/// The square of a distance, and of the norm that it is relative to.
private struct SquaredDistance: Sendable, Equatable {
  private var distance = 0.0
  private var norm = 0.0

  /// The relative distance: 0 if nothing differs, infinite if something differs from 0.
  var relative: Double {
    distance == 0 ? 0 : (distance / norm).squareRoot()
  }

  init() {}

  /// Creates a stored distance; nil if the record has another form.
  init?(_ record: CBORValue) {
    guard let numbers = record.asArray?.map(\.asFloat), numbers.count == 2,
      let distance = numbers[0], let norm = numbers[1]
    else { return nil }
    (self.distance, self.norm) = (distance, norm)
  }

  var record: CBORValue { .array([.float(distance), .float(norm)]) }

  mutating func add(_ distance: Double, norm: Double) {
    self.distance += distance
    self.norm += norm
  }
}

extension [LayerComparison]: BlockFigures {
  var record: CBORValue { .array(map(\.record)) }

  mutating func restore(_ record: CBORValue) -> Bool {
    guard let items = record.asArray else { return false }
    let found = items.enumerated().compactMap { LayerComparison(layer: $0, $1) }
    self = found
    return found.count == items.count
  }
}

/// The comparison of a model with a base.
package struct ModelComparison: Sendable, Equatable {
  /// For each scored token, in order.
  package let tokens: [TokenComparison]
  /// For each block; empty if blocks were not compared.
  package let layers: [LayerComparison]

  /// The first block that does something else than that of the base.
  package var firstBroken: LayerComparison? { layers.first(where: \.isBroken) }
}
