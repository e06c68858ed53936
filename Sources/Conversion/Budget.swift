/// Chooses one option for each weight so that the total cost is small and the total size fits a number of bytes.
///
/// This is a knapsack problem. For few weights it is solved by dynamic programming over a budget in equal
/// parts. For many weights, upgrades along each weight's convex hull are applied in descending order of the
/// cost reduction per byte, which comes near enough to the optimum. Afterwards, changes of one weight and
/// exchanges of two are made while they lower the cost.
struct Budget {
  private let weights: [TypeChoice.Weight]
  private let byteCount: Int

  init(weights: [TypeChoice.Weight], byteCount: Int) {
    self.weights = weights
    self.byteCount = byteCount
  }

  func chosen() -> [TypeChoice.Weight.Option] {
    // The choices of one type for all weights are candidates, so the result is never worse than them.
    let starts = [weights.count <= Self.maximumTableWeightCount ? byTable() : byHull()] + uniforms
    var choices = starts.min { cost($0) < cost($1) } ?? smallest
    var left = byteCount - total(choices)
    while let change = bestChange(choices, left: left) {
      for (weight, option) in change { choices[weight] = option }
      left = byteCount - total(choices)
    }
    return zip(weights, choices).map { $0.options[$1] }
  }

  /// The smallest option of each weight. Ties are broken by cost and order, so that the result is deterministic.
  private var smallest: [Int] {
    weights.map { weight in
      weight.options.indices.min {
        let (left, right) = (weight.options[$0], weight.options[$1])
        return (left.byteCount, left.cost) < (right.byteCount, right.cost)
      } ?? 0
    }
  }

  private func cost(_ choices: [Int]) -> Double {
    zip(weights, choices).reduce(0) { $0 + $1.0.options[$1.1].cost }
  }

  /// The choices of one type for all weights that fit into the budget.
  private var uniforms: [[Int]] {
    guard let first = weights.first else { return [] }
    return first.options.compactMap { option in
      var choices: [Int] = []
      for weight in weights {
        guard let index = weight.options.firstIndex(where: { $0.type == option.type }) else {
          return nil
        }
        choices.append(index)
      }
      return total(choices) <= byteCount ? choices : nil
    }
  }

  // MARK: Dynamic programming

  private static let maximumTableWeightCount = 512
  /// The limit of parts of the budget, summed over the weights.
  private static let maximumCellCount = 1 << 22
  private static let maximumPartCount = 1 << 16

  /// Minimizes the cost by dynamic programming: for each weight, the minimum cost for every part of the budget.
  private func byTable() -> [Int] {
    let base = smallest
    let spare = byteCount - total(base)
    guard spare > 0 else { return base }
    let part = max(1, spare / Self.maximumPartCount, spare * weights.count / Self.maximumCellCount)
    let parts = spare / part
    var best = [Double](repeating: 0, count: parts + 1)
    var taken: [[UInt8]] = []
    for (weight, index) in zip(weights, base) {
      let minimum = weight.options[index].byteCount
      let steps = weight.options.map { ($0.byteCount - minimum + part - 1) / part }
      var next = [Double](repeating: .infinity, count: parts + 1)
      var choice = [UInt8](repeating: UInt8(index), count: parts + 1)
      for (number, option) in weight.options.enumerated() where steps[number] <= parts {
        for used in steps[number]...parts {
          let cost = best[used - steps[number]] + option.cost
          if cost < next[used] {
            next[used] = cost
            choice[used] = UInt8(number)
          }
        }
      }
      best = next
      taken.append(choice)
    }
    var choices = base
    var used = parts
    for number in weights.indices.reversed() {
      choices[number] = Int(taken[number][used])
      let minimum = weights[number].options[base[number]].byteCount
      used -= (weights[number].options[choices[number]].byteCount - minimum + part - 1) / part
    }
    return choices
  }

  // MARK: Convex hulls

  private func byHull() -> [Int] {
    var choices = smallest
    var left = byteCount - total(choices)
    for upgrade in upgrades(from: choices) {
      let (weight, option) = (upgrade.weight, upgrade.option)
      // An upgrade requires the upgrades before it on the hull.
      guard weights[weight].options[choices[weight]] == upgrade.base else { continue }
      let more = weights[weight].options[option].byteCount - upgrade.base.byteCount
      guard more <= left else { continue }
      choices[weight] = option
      left -= more
    }
    return choices
  }

  private func total(_ choices: [Int]) -> Int {
    zip(weights, choices).reduce(0) { $0 + $1.0.options[$1.1].byteCount }
  }

  private struct Upgrade {
    var weight: Int
    var base: TypeChoice.Weight.Option
    var option: Int
    /// The cost reduction per byte.
    var gain: Double
  }

  /// Returns the steps along the lower convex hull of size and cost, in descending order of gain.
  private func upgrades(from choices: [Int]) -> [Upgrade] {
    var upgrades: [Upgrade] = []
    for (number, weight) in weights.enumerated() {
      var current = choices[number]
      while true {
        let base = weight.options[current]
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
        current = next
      }
    }
    return upgrades.enumerated().sorted {
      $0.element.gain != $1.element.gain
        ? $0.element.gain > $1.element.gain : $0.offset < $1.offset
    }.map(\.element)
  }

  /// Returns the change of one weight, or of two, that lowers the cost most and still fits; nil if there is none.
  private func bestChange(_ choices: [Int], left: Int) -> [(weight: Int, option: Int)]? {
    struct Move {
      var weight: Int
      var option: Int
      var bytes: Int
      var cost: Double
    }
    var moves: [Move] = []
    for (number, weight) in weights.enumerated() {
      let base = weight.options[choices[number]]
      for (index, option) in weight.options.enumerated() where index != choices[number] {
        moves.append(
          Move(
            weight: number, option: index, bytes: option.byteCount - base.byteCount,
            cost: option.cost - base.cost))
      }
    }
    var best: (cost: Double, change: [(weight: Int, option: Int)])?
    // Ignore gains that are only rounding errors.
    let threshold = -1e-12
    for move in moves where move.bytes <= left && move.cost < best?.cost ?? threshold {
      best = (move.cost, [(move.weight, move.option)])
    }
    // With many weights, testing pairs takes too long, and single changes come near enough.
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
