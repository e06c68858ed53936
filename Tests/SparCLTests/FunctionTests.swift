import Base
import SparCL
import TestSupport
import Testing

/// The functions of SparCL against those of the authors' code.
@Suite struct FunctionTests {
  @Test("masks keep the weights that the authors' code keeps", arguments: Golden.pruneIndexes)
  func prune(index: Int) throws {
    let golden = try Golden()
    let one = golden.facts.prune[index]
    let parts = one.key.split(separator: ".", maxSplits: 4).map(String.init)
    let sparsity = try #require(Double(parts[4]))
    let name = "prune.\(parts[1])"
    let weights = try golden.floats(name + ".weight")
    let found: (mask: [Bool], threshold: Float)
    if parts[2] == "filter" {
      found = WeightMask.filterMask(
        weights, outputs: try golden.outputs(name + ".weight"), sparsity: sparsity)
    } else {
      let gradient = try golden.floats(name + ".grad")
      let terms = parts[3] == "cwi" ? [WeightMask.Term(factor: 0.5, gradient: gradient)] : []
      found = WeightMask.mask(WeightMask.importance(weights, terms), sparsity: sparsity)
    }
    let expected = try golden.mask(one.key + ".mask")
    #expect(found.mask == expected)
    #expect(found.mask.count { $0 } == one.kept)
    if let threshold = one.threshold {
      #expect(abs(Double(found.threshold) - threshold) <= 1e-6 * max(1, threshold))
    }
  }

  @Test("layers grow by as many places as in the authors' code", arguments: Golden.growIndexes)
  func grow(index: Int) throws {
    let golden = try Golden()
    let one = golden.facts.grow[index]
    let parts = one.key.split(separator: ".").map(String.init)
    let lower = try #require(Double(parts[2...3].joined(separator: ".")))
    let upper = try #require(Double(parts[4...5].joined(separator: ".")))
    var weights = try golden.floats("prune.\(parts[1]).weight")
    let (kept, _) = WeightMask.mask(WeightMask.importance(weights, []), sparsity: lower)
    for index in weights.indices where !kept[index] { weights[index] = 0 }
    let growth = WeightMask.growth(weights, lower: lower, upper: upper)
    let draws = ElementRandom(tensorName: parts[1], seed: 1)
    let (mask, added) = WeightMask.grown(weights, growth) { bound, index in
      min(bound - 1, Int(draws.uniform(at: UInt64(index)) * Float(bound)))
    }
    let expected = try golden.mask(one.key + ".mask")
    #expect(mask.count { $0 } == expected.count { $0 })
    #expect(added.count == one.grown && Set(added).count == added.count)
    #expect(added.allSatisfy { weights[$0] == 0 && mask[$0] })
    #expect(weights.indices.allSatisfy { weights[$0] == 0 || mask[$0] })
  }

  @Test("gradients of masked layers equal those of the authors' code", arguments: ["a", "b"])
  func gradients(layer: String) throws {
    let golden = try Golden()
    var gradient = try golden.floats("dgm.\(layer).weight.grad_in")
    let weights = try golden.floats("dgm.\(layer).weight.weight").map { $0 != 0 }
    let (mask, _) = GradientMask.apply(to: &gradient, weights: weights, sparsity: 0.8)
    let expected = try golden.floats("dgm.0.8.\(layer).weight.grad_out")
    #expect(gradient == expected)
    #expect(mask == expected.map { $0 != 0 })
  }

  @Test("an exchange of weights equals that of the authors' code", arguments: ["a", "b"])
  func exchange(layer: String) throws {
    let golden = try Golden()
    let before = try golden.floats("sched.e5.weight_before.\(layer).weight")
    let gradient = try golden.floats("sched.e5.grad.\(layer).weight")
    let schedule = MaskSchedule(sparsity: 0.75, exchange: 0.01, interval: 5, epochs: 50)
    let bounds = try #require(schedule.bounds(ofEpoch: 5))
    let (kept, _) = WeightMask.mask(
      WeightMask.importance(before, [.init(factor: 0.5, gradient: gradient)]),
      sparsity: bounds.lower)
    let pruned = zip(before, kept).map { $1 ? $0 : 0 }
    #expect(pruned == (try golden.floats("sched.e5.weight_after.\(layer).weight")))
    let mask = try golden.mask("sched.e5.mask_after.\(layer).weight")
    guard
      case .random(let count) = WeightMask.growth(pruned, lower: bounds.lower, upper: bounds.upper)
    else {
      Issue.record("the layer does not grow")
      return
    }
    #expect(mask.count { $0 } == pruned.count { $0 != 0 } + count)
  }

  @Test("masks change by the shipped schedule") func schedule() {
    let schedule = MaskSchedule(sparsity: 0.75, exchange: 0.01, interval: 5, epochs: 50)
    let epochs = (0..<50).filter { schedule.bounds(ofEpoch: $0) != nil }
    #expect(epochs == Array(stride(from: 0, to: 50, by: 5)))
    for (epoch, lower, upper) in [(0, 0.75, 0.74), (5, 0.76, 0.75), (40, 0.76, 0.75)] {
      #expect(schedule.bounds(ofEpoch: epoch)?.lower == lower)
      #expect(schedule.bounds(ofEpoch: epoch)?.upper == upper)
    }
    #expect(schedule.bounds(ofEpoch: 45)?.lower == 0.75)
    #expect(schedule.bounds(ofEpoch: 45)?.upper == 0.75)
  }

  @Test("losses of stored examples and their gradients equal those of torch") func losses() throws {
    let golden = try Golden()
    func near(_ found: [Double], _ name: String, factor: Double = 1) throws {
      let expected = try golden.doubles(name)
      #expect(found.count == expected.count, "\(name)")
      for (a, b) in zip(found, expected) where abs(a * factor - b) > 1e-12 {
        Issue.record("\(name): \(a * factor), expected \(b)")
      }
    }
    let targets = try golden.integers("loss.targets")
    let current = ReplayLoss.crossEntropy(
      try golden.doubles("loss.outputs"), columns: 10, targets: targets, classes: [2, 3])
    let stored = ReplayLoss.squaredError(
      try golden.doubles("loss.buf1_outputs"), columns: 10,
      stored: try golden.doubles("loss.buf1_logits_stored"))
    let labelled = ReplayLoss.crossEntropy(
      try golden.doubles("loss.buf2_outputs"), columns: 10,
      targets: try golden.integers("loss.buf2_labels"))
    let count = Double(targets.count)
    try near(current.gradient, "loss.derpp_0.1_0.5.grad.outputs", factor: 1 / count)
    try near(stored.gradient, "loss.derpp_0.1_0.5.grad.buf1", factor: 0.1 / count)
    try near(labelled.gradient, "loss.derpp_0.1_0.5.grad.buf2", factor: 0.5 / count)
    try near(labelled.gradient, "loss.er_w1.grad.buf2", factor: 1 / count)
    try near(
      targets.indices.map {
        current.losses[$0] + 0.1 * stored.losses[$0] + 0.5 * labelled.losses[$0]
      }, "loss.derpp_0.1_0.5.per_example")
    try near(
      targets.indices.map { current.losses[$0] + labelled.losses[$0] }, "loss.er_w1.per_example")
  }

  @Test("counts of forgotten examples equal those of the authors' code") func forgetting() throws {
    let facts = try Golden().facts.forgetting
    let counts = facts.presentations.map { key, sights in
      (
        example: Int(key) ?? -1,
        count: Forgetting.count(sights.map { $0 == 1 }, neverRight: facts.neverRight)
      )
    }
    #expect(counts.count == facts.counts.count)
    #expect(counts.allSatisfy { facts.counts["\($0.example)"] == $0.count })
    let (kept, removed) = Forgetting.removing(
      facts.removed.count, of: counts.map(\.example).sorted(), order: Forgetting.order(counts))
    #expect(removed.sorted() == facts.removed.sorted())
    #expect(kept.count == counts.count - removed.count)
    #expect(Set(kept).isDisjoint(with: removed))
  }

  @Test("a reservoir with given draws holds the examples of the authors' buffer") func reservoir()
    throws
  {
    let facts = try Golden().facts.reservoir
    var reservoir = Reservoir(size: facts.size)
    var (ids, draws) = ([Int](), facts.draws[...])
    for id in 0..<facts.stream {
      guard let place = reservoir.offer(draw: { _ in draws.removeFirst() }) else { continue }
      if place == ids.count { ids.append(id) } else { ids[place] = id }
    }
    #expect(ids == facts.ids && draws.isEmpty && reservoir.seen == facts.stream)
  }

  @Test("shares of the presentations that remain", arguments: [5, 10])
  func data(interval: Int) {
    let rounds = Array(stride(from: interval, through: 20, by: interval))
    let share = TrainingCost.dataShare(removing: 0.3, epochs: 50, rounds: rounds)
    #expect(abs(share - (interval == 5 ? 0.775 : 0.79)) <= 1e-12)
  }

  @Test("percentiles interpolate as numpy's do, in the presence of ties") func percentiles() {
    #expect(Percentile.value(0.5, of: [3, 1, 2, 2] as [Double]) == 2)
    #expect(Percentile.value(0.75, of: [4, 1, 3, 2] as [Double]) == 3.25)
    #expect(Percentile.value(0, of: [4, 1] as [Float]) == 1)
    #expect(Percentile.value(1, of: [4, 1] as [Float]) == 4)
    var generator = SeededGenerator(seed: 3)
    let numbers = (0..<999).map { _ in Double(Int.random(in: 0..<50, using: &generator)) }
    let sorted = numbers.sorted()
    #expect(
      [0.0, 0.25, 0.5, 0.9].allSatisfy { share in
        let place = 998 * share
        let below = Int(place)
        let expected =
          sorted[below] + (sorted[min(998, below + 1)] - sorted[below]) * (place - Double(below))
        return abs(Percentile.value(share, of: numbers) - expected) <= 1e-12
      })
  }
}
