import Base
import Examples
import Networks
import Recipes
import Testing
import Training

@Suite struct RecipeTests {
  private func recipe(_ text: String) throws -> TrainingRecipe {
    try TrainingRecipe(RecipeFile.parse(text, path: "r.yaml"), path: "r.yaml")
  }

  @Test("every key of a recipe is read") func all() throws {
    let recipe = try recipe(
      """
      steps: 40
      batch: 16
      optimizer: {name: sgd, rate: 0.2, momentum: 0.9, nesterov: true, weight_decay: 5e-4, decay: matrices}
      schedule: {name: step, by: epoch, warmup: 2, every: 3, factor: 0.5}
      clip: 1
      seed: 7
      save_every: 10
      keep: best
      window: 64
      input: {divide_by: 255, mean: [0.5], deviation: [0.25, 0.5]}
      """)
    #expect(recipe.length == .steps(40) && recipe.batch == 16 && recipe.window == 64)
    let optimizer = try #require(recipe.optimizer as? SGD)
    #expect(optimizer.momentum == 0.9 && optimizer.isNesterov)
    #expect(recipe.weightDecay == 5e-4 && recipe.decayed == .matrices)
    var rate = LearningRate(peak: 0.2)
    (rate.schedule, rate.unit, rate.warmup) = (.step(every: 3, factor: 0.5), .epoch, 2)
    #expect(recipe.rate == rate)
    #expect(recipe.clip == 1 && recipe.seed == 7 && recipe.saveInterval == 10)
    #expect(recipe.kept == .best)
    #expect(recipe.input.divisor == 255 && recipe.input.deviation == [0.25, 0.5])
  }

  @Test(
    "the values of a recipe are a recipe with the same values",
    arguments: [
      "{steps: 40, batch: 16, optimizer: {name: sgd, rate: 0.2, momentum: 0.9, nesterov: true, weight_decay: 5e-4, decay: matrices}, schedule: {name: step, by: epoch, warmup: 2, every: 3, factor: 0.5}, clip: 1, seed: 7, keep: best, input: {divide_by: 255, mean: [0.5], deviation: [0.25, 0.5]}}",
      "{epochs: 3, optimizer: {name: adamw, rate: 1e-3, betas: [0.8, 0.9]}, schedule: {name: cosine, final: 0.1}, window: 64}",
      "{epochs: 1, optimizer: {name: adam, rate: 1}, schedule: {name: linear, warmup: 5}}",
      "{epochs: 1, optimizer: sgd, save_every: 5}".replacing("sgd", with: "{name: sgd, rate: 1}"),
    ])
  func values(text: String) throws {
    let first = try recipe(text)
    for hasWindows in [false, true] {
      let values = first.values(hasWindows: hasWindows)
      let again = try recipe(JSONValue.object(values).serialized())
      #expect(again.values(hasWindows: hasWindows) == values)
      #expect(again.length == first.length && again.batch == first.batch)
      #expect(again.rate == first.rate && again.seed == first.seed && again.kept == first.kept)
      #expect(again.optimizer.settings == first.optimizer.settings)
      #expect(again.clip == first.clip && again.weightDecay == first.weightDecay)
      #expect(hasWindows ? again.window == first.window : again.input == first.input)
    }
  }

  @Test("Adam and AdamW differ in their weight decay") func adam() throws {
    let plain = try recipe("{epochs: 1, optimizer: {name: adam, rate: 1, betas: [0.8, 0.9]}}")
    let decoupled = try recipe("{epochs: 1, optimizer: {name: adamw, rate: 1}}")
    let (first, second) = (
      try #require(plain.optimizer as? Adam), try #require(decoupled.optimizer as? Adam)
    )
    #expect(!first.isDecoupled && first.betas == (0.8, 0.9) && second.isDecoupled)
  }

  @Test(
    "faults name their line",
    arguments: [
      ("epochs: 1\noptimiser: sgd", "line 2: the recipe has no key 'optimiser'"),
      ("epochs: 1\nsteps: 2\noptimizer: {name: sgd, rate: 1}", "line 1: epochs and steps"),
      ("epochs: 0\noptimizer: {name: sgd, rate: 1}", "line 1: epochs is 0"),
      ("epochs: 1\noptimizer:\n  name: sgd\n  rate: -1", "line 4: rate is -1"),
      ("epochs: 1\noptimizer:\n  name: sgd\n  rate: 1\n  betas: [0, 0]", "line 5: betas does not"),
      ("epochs: 1\noptimizer: {name: lion, rate: 1}", "line 2: name is 'lion'"),
      ("epochs: 1\noptimizer: {name: sgd, rate: 1}\nschedule: {final: 0.1}", "line 3: final needs"),
      ("epochs: 1\noptimizer: {name: sgd, rate: 1}\nschedule: {name: step}", "line 3: schedule"),
      ("optimizer: {name: sgd, rate: 1}", "line 1: the length is missing"),
      ("epochs: 1", "line 1: the key optimizer is missing"),
      ("epochs: 1\noptimizer: {name: sgd, rate: 1, nesterov: true}", "line 2: nesterov needs"),
      ("epochs: 1\noptimizer: sgd", "line 2: the rate of the optimizer is missing"),
      ("[1]", "line 1: the recipe is a list"),
      ("epochs: 1.5\noptimizer: {name: sgd, rate: 1}", "line 1: epochs is 1.5, expected a whole"),
      ("epochs: 1e30\noptimizer: {name: sgd, rate: 1}", "line 1: epochs is 1e+30, expected"),
      ("epochs: x\noptimizer: {name: sgd, rate: 1}", "line 1: epochs is 'x', expected a whole"),
      (
        "epochs: 1\noptimizer: {name: adamw, rate: 1, betas: [0, 2]}",
        "line 2: betas has 2, expected"
      ),
      (
        "epochs: 1\noptimizer: {name: adamw, rate: 1, betas: [0]}", "betas is a list of 1, expected"
      ),
    ])
  func faults(text: String, message: String) throws {
    do {
      _ = try recipe(text)
      Issue.record("expected a fault")
    } catch let error as any UserError {
      #expect(error.message.contains(message), "\(error.message)")
    }
  }

  @Test("a whole number may be written with an exponent") func exponents() throws {
    let recipe = try recipe("epochs: 2\nbatch: 1.6e1\noptimizer: {name: sgd, rate: 1}")
    #expect(recipe.batch == 16)
  }

  @Test("all faults of a recipe are reported together") func together() {
    let error = #expect(throws: SeveralErrors.self) {
      try recipe("epochs: 0\nbatch: 0\nclip: -1\noptimizer: {name: sgd}")
    }
    #expect(error?.errors.count == 4)
  }

  @Test("a linear rate falls to its final share, a stepped one by its factor") func rates() {
    var line = LearningRate(peak: 2)
    (line.schedule, line.finalShare) = (.linear, 0.5)
    #expect((0...4).map { line.value(at: $0, of: 4) } == [2, 1.75, 1.5, 1.25, 1])
    var steps = LearningRate(peak: 8)
    (steps.schedule, steps.warmup) = (.step(every: 2, factor: 0.5), 2)
    #expect((0..<7).map { steps.value(at: $0, of: 7) } == [4, 8, 8, 8, 4, 4, 2])
    #expect(LearningRate(peak: 3).value(at: 9, of: 10) == 3)
  }

  @Test("orders are permutations that depend on seed and epoch") func orders() {
    let order = ExampleOrder.random(seed: 4)
    let first = order.examples(ofEpoch: 0, count: 1000)
    #expect(first.sorted() == Array(0..<1000) && first != Array(0..<1000))
    #expect(first == order.examples(ofEpoch: 0, count: 1000))
    #expect(first != order.examples(ofEpoch: 1, count: 1000))
    #expect(first != ExampleOrder.random(seed: 5).examples(ofEpoch: 0, count: 1000))
    let draws = Draws("test", seed: 1)
    let numbers = (0..<6000).map { draws.number(below: 6, step: 2, index: $0) }
    for face in 0..<6 { #expect((850...1150).contains(numbers.count { $0 == face })) }
  }

  @Test("windows of text share only their borders") func windows() {
    let data = TokenExamples(text: Array(0..<11), length: 3)
    #expect(data.count == 3)
    let batch: Batch<Float> = data.batch([2, 0], in: Arena())
    #expect(batch.targets == [7, 8, 9, 1, 2, 3])
    guard case .tokens(let ids) = batch.input else {
      Issue.record("expected tokens")
      return
    }
    #expect(ids == [6, 7, 8, 0, 1, 2])
    let rows = TokenExamples(rows: Array(0..<8), length: 4)
    let pair: Batch<Float> = rows.batch([1], in: Arena())
    #expect(rows.count == 2 && pair.targets == [5, 6, 7])
  }
}
