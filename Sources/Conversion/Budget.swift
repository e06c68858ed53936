/// A choice of one option for each weight with the least cost that fits a number of bytes.
///
/// The best choice is a knapsack; this comes near it: upgrades along each weight's convex hull in
/// order of what a byte brings, then single changes and exchanges of two while they lower the cost.
struct Budget {
  private let weights: [TypeChoice.Weight]
  private let byteCount: Int

  init(weights: [TypeChoice.Weight], byteCount: Int) {
    self.weights = weights
    self.byteCount = byteCount
  }

  func chosen() -> [TypeChoice.Weight.Option] {
    // Ties are settled by the order of weights and options, so that the same values give the same types.
    var places = weights.map { weight in
      weight.options.indices.min {
        let (left, right) = (weight.options[$0], weight.options[$1])
        return (left.byteCount, left.cost) < (right.byteCount, right.cost)
      } ?? 0
    }
    var left = byteCount - total(places)
    for upgrade in upgrades(from: places) {
      let (weight, option) = (upgrade.weight, upgrade.option)
      // An upgrade stands on those before it on the hull.
      guard weights[weight].options[places[weight]] == upgrade.base else { continue }
      let more = weights[weight].options[option].byteCount - upgrade.base.byteCount
      guard more <= left else { continue }
      places[weight] = option
      left -= more
    }
    while let change = bestChange(places, left: left) {
      for (weight, option) in change { places[weight] = option }
      left = byteCount - total(places)
    }
    return zip(weights, places).map { $0.options[$1] }
  }

  private func total(_ places: [Int]) -> Int {
    zip(weights, places).reduce(0) { $0 + $1.0.options[$1.1].byteCount }
  }

  private struct Upgrade {
    var weight: Int
    var base: TypeChoice.Weight.Option
    var option: Int
    /// Cost that a byte more takes away.
    var gain: Double
  }

  /// Steps along the lower convex hull of bytes and cost, the best for a byte first.
  private func upgrades(from places: [Int]) -> [Upgrade] {
    var upgrades: [Upgrade] = []
    for (number, weight) in weights.enumerated() {
      var place = places[number]
      while true {
        let base = weight.options[place]
        func gain(_ option: TypeChoice.Weight.Option) -> Double {
          (base.cost - option.cost) / Double(option.byteCount - base.byteCount)
        }
        let better = weight.options.indices.filter {
          weight.options[$0].byteCount > base.byteCount && weight.options[$0].cost < base.cost
        }
        guard let next = better.max(by: { gain(weight.options[$0]) < gain(weight.options[$1]) })
        else { break }
        upgrades.append(
          Upgrade(weight: number, base: base, option: next, gain: gain(weight.options[next])))
        place = next
      }
    }
    return upgrades.enumerated().sorted {
      $0.element.gain != $1.element.gain
        ? $0.element.gain > $1.element.gain : $0.offset < $1.offset
    }.map(\.element)
  }

  /// The change of one weight, or of two, that lowers the cost most and still fits.
  private func bestChange(_ places: [Int], left: Int) -> [(weight: Int, option: Int)]? {
    struct Move {
      var weight: Int
      var option: Int
      var bytes: Int
      var cost: Double
    }
    var moves: [Move] = []
    for (number, weight) in weights.enumerated() {
      let base = weight.options[places[number]]
      for (place, option) in weight.options.enumerated() where place != places[number] {
        moves.append(
          Move(
            weight: number, option: place, bytes: option.byteCount - base.byteCount,
            cost: option.cost - base.cost))
      }
    }
    var best: (cost: Double, change: [(weight: Int, option: Int)])?
    // What rounding alone gains is no reason to go on.
    let threshold = -1e-12
    for move in moves where move.bytes <= left && move.cost < best?.cost ?? threshold {
      best = (move.cost, [(move.weight, move.option)])
    }
    // Pairs of many weights would take long, and single changes come near enough there.
    if moves.count <= 4096 {
      for up in moves where up.cost < 0 {
        for down in moves where down.weight != up.weight && down.bytes < 0 {
          let cost = up.cost + down.cost
          guard up.bytes + down.bytes <= left, cost < best?.cost ?? threshold else { continue }
          best = (cost, [(up.weight, up.option), (down.weight, down.option)])
        }
      }
    }
    return best?.change
  }
}
