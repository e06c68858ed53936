import AdaMerging
import Base
import Checkpoints
import Coefficients
import Containers
import Examples
import Merging
import Models
import Networks
import Recipes
import TensorCore
import TestSupport
import Testing

/// Coefficients of merges that are learned, beside those that other programs have learned.
@Suite(.needsOpenBLAS) struct CoefficientTests {
  /// A golden run: its name, the grouping, the share of TIES and the learning rate.
  struct Run: Sendable, CustomTestStringConvertible {
    var name: String
    var grouping = MergeCoefficients.Grouping.tensor
    var ties: Double?
    var rate = 1e-3
    var testDescription: String { name }

    func example() throws -> LearnedExample {
      var example = try SmallEncoder.example(ties: ties, rate: rate)
      example.grouping = grouping
      return example
    }

    var names: [String] { grouping == .task ? ["fc1.weight"] : SmallEncoder.names }
  }

  static let runs = [
    Run(name: "task", grouping: .task), Run(name: "tensor"), Run(name: "fast", rate: 0.1),
    Run(name: "task_ties", grouping: .task, ties: 0.2), Run(name: "tensor_ties", ties: 0.2),
  ]

  @Test("coefficients of an encoder equal those of numpy in float64", arguments: runs)
  func exact(run: Run) throws {
    let golden = try StoredTensors("adamerging/expected.safetensors")
    let found = try run.example().trajectory(Double.self, names: run.names)
    let (raw, values) = (
      try golden.doubles(run.name + ".raw"), try golden.doubles(run.name + ".values")
    )
    let gradients = try golden.doubles(run.name + ".gradient")
    #expect(distance(found.raw, raw) <= 1e-9)
    #expect(distance(found.values, values) <= 1e-11)
    #expect(distance(found.gradients, gradients) <= 1e-9)
  }

  @Test("coefficients in float32 stay within a millionth of those in float64", arguments: runs)
  func rounded(run: Run) throws {
    let golden = try StoredTensors("adamerging/expected.safetensors")
    let found = try run.example().trajectory(Float.self, names: run.names)
    // The large rate multiplies the rounding of the gradients.
    let limit = 1e-6 * max(1, run.rate / 1e-2)
    let (raw, values) = (
      try golden.doubles(run.name + ".raw"), try golden.doubles(run.name + ".values")
    )
    #expect(distance(found.raw, raw) <= limit)
    #expect(distance(found.values, values) <= 5e-6)
  }

  @Test("the golden run with a large rate leaves the limits on both sides") func crossing() throws {
    let raw = try StoredTensors("adamerging/expected.safetensors").doubles("fast.raw")
    #expect(raw.contains { $0 < 0 } && raw.contains { $0 > 1 })
  }

  @Test("neither workers, nor tiles, nor computing blocks twice change a bit")
  func samebits() throws {
    let example = try SmallEncoder.example(ties: 0.2)
    let first = try example.trajectory(Float.self, names: SmallEncoder.names)
    let second = try example.trajectory(
      Float.self, names: SmallEncoder.names, jobs: 2, holds: false, usesSegments: true)
    #expect(first.raw == second.raw && first.values == second.values)
  }

  @Test("labels change the report and not the coefficients") func labels() throws {
    let plain = try SmallEncoder.example().trajectory(Double.self, names: SmallEncoder.names)
    let labelled = try SmallEncoder.example(labels: Array(repeating: 1, count: 24))
    let found = try labelled.trajectory(Double.self, names: SmallEncoder.names)
    #expect(plain.raw == found.raw)
    let learner = try labelled.learner(Double.self, OpenBLAS.compute())
    let share = try learner.accuracy(ofTask: 0, check: {})
    #expect(share.map { (0...1).contains($0) } == true)
    let other = try SmallEncoder.example().learner(Double.self, OpenBLAS.compute())
    let none = try other.accuracy(ofTask: 0, check: {})
    #expect(none == nil)
  }

  @Test("an objective that is NaN names the step and the task, and keeps the coefficients")
  func nan() throws {
    var example = try SmallEncoder.example()
    let head = try #require(example.tasks[1].head)
    let huge = LearningTask.Head(
      classCount: head.classCount, width: head.width,
      weight: head.weight.map { _ in Float.infinity }, bias: nil)
    example.tasks[1] = LearningTask("b", example.tasks[1].data, hasLabels: false, head: huge)
    let learner = try example.learner(Float.self, OpenBLAS.compute())
    var learning = CoefficientLearning()
    let error = try #require(throws: FormatError.self) {
      try learning.run(learner, example.draws, check: noCheck) { _ in }
    }
    #expect(error.code == .coefficientsDiverged)
    #expect("\(error.message)".contains("'b'") && "\(error.message)".contains("step 1"))
    #expect(learner.rawCoefficients.allSatisfy { $0 == 0.3 })
  }

  @Test("random batches have no example twice and depend on task, seed and step") func draws()
    throws
  {
    let example = try SmallEncoder.example()
    let draws = BatchDraws.random(seed: 1)
    func batch(_ step: Int, _ task: Int, _ draws: BatchDraws) -> [Int] {
      draws.examples(step: step, task: task, example.tasks[task], count: 16)
    }
    let first = batch(0, 0, draws)
    #expect(Set(first).count == 16 && first.allSatisfy { (0..<24).contains($0) })
    #expect(first == batch(0, 0, draws) && first != batch(1, 0, draws))
    #expect(first != batch(0, 1, draws) && first != batch(0, 0, .random(seed: 2)))
  }

  @Test("a run without progress stops when patience ends") func patience() throws {
    var example = try SmallEncoder.example(rate: 1e-12)
    example.recipe.patience = 1
    let learner = try example.learner(Double.self, OpenBLAS.compute())
    var learning = CoefficientLearning()
    try learning.run(learner, example.draws, check: noCheck) { _ in }
    #expect(learning.stoppedEarly && learning.means.count < example.recipe.stepCount)
  }

  @Test("patience that is longer than the run does not end it", arguments: [5, 8, 9, Int.max])
  func longPatience(patience: Int) throws {
    var example = try SmallEncoder.example(rate: 1e-12)
    example.recipe.patience = patience
    let learner = try example.learner(Double.self, OpenBLAS.compute())
    var learning = CoefficientLearning()
    try learning.run(learner, example.draws, check: noCheck) { _ in }
    #expect(!learning.stoppedEarly && learning.means.count == example.recipe.stepCount)
  }

  @Test(
    "the table of learned coefficients is read back with the same numbers",
    arguments: MergeCoefficients.Grouping.allCases)
  func table(grouping: MergeCoefficients.Grouping) throws {
    var example = try SmallEncoder.example()
    example.grouping = grouping
    let rows = try example.rows(Compute.counting(jobs: 1))
    let raw = (0..<rows.count * 3).map { 0.1 * Double($0) - 0.05 }
    let table = rows.table(raw, models: ["a", "b", "c"], ties: 0.2, path: "c.json")
    let text = JSONValue.object(table.document(rowsInOrder: rows.entries.map(\.name))).serialized()
    let read = try MergeCoefficients(RecipeFile.parse(text, path: "c.json"), path: "c.json")
    #expect(read == table && read.ties == 0.2)
    #expect(table.rows.values.joined().allSatisfy { (0...1).contains($0) })
    for tensor in example.merging.learnedTensors { #expect(read.row(of: tensor.name) != nil) }
  }

  @Test("memory that was counted is enough for a step") func memory() throws {
    let example = try SmallEncoder.example()
    let counting = Compute.counting(jobs: 2)
    let planned = try example.learner(Float.self, counting)
    planned.hold(Set(SmallEncoder.names))
    try planned.countStep()
    let compute = try OpenBLAS.compute(jobs: 2)
    let learner = try example.learner(Float.self, compute)
    learner.hold(Set(SmallEncoder.names))
    try learner.form()
    _ = try learner.step(
      1, [[0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6, 7]]
    ) {}
    #expect(compute.arena.peakByteCount <= counting.arena.peakByteCount)
  }
}

/// Coefficients of language models, beside those that torch has learned.
@Suite(.needsOpenBLAS) struct TextCoefficientTests {
  private func example(
    _ objective: CoefficientRecipe.Objective, rate: Double
  ) throws -> (LearnedExample, StoredTensors) {
    let file = try StoredTensors("adamerging/text.safetensors")
    let models = ["poetry", "tech"]
    let tasks = try models.map { name in
      LearningTask(
        name, TokenExamples(rows: try file.integers(name), length: 96), hasLabels: false, head: nil)
    }
    var recipe = CoefficientRecipe()
    recipe.objective = objective
    (recipe.batchSize, recipe.batchCount) = (2, 1)
    (recipe.stepCount, recipe.rate) = (3, rate)
    let text = try Fixtures.bytes("models/base/config.json")
    let example = try LearnedExample(
      base: "models/base", models.map { "models/\($0)" }, ties: nil,
      ModelConfigurationFile(text: text).configuration(), tasks,
      .given([0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5], taskCount: 2, exampleCount: 2), recipe)
    return (example, file)
  }

  /// The tensors in the order of the modules of the model.
  private var names: [String] {
    let attention = ["q_proj", "k_proj", "v_proj", "o_proj"].map { "self_attn." + $0 }
    let rest = [
      "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", "input_layernorm",
      "post_attention_layernorm",
    ]
    return ["model.embed_tokens.weight"]
      + (0..<4).flatMap { layer in
        (attention + rest).map { "model.layers.\(layer).\($0).weight" }
      } + ["model.norm.weight", "lm_head.weight"]
  }

  @Test("coefficients by the loss of a text equal those of torch, beyond the limits too")
  func loss() throws {
    let (example, golden) = try example(.loss, rate: 0.2)
    let found = try example.trajectory(Double.self, names: names)
    let raw = try golden.doubles("loss/tensor_lr0.2/raw")
    let values = try golden.doubles("loss/tensor_lr0.2/value")
    #expect(distance(found.raw, raw) <= 1e-7)
    #expect(distance(found.values, values) <= 1e-8)
  }

  @Test("coefficients by the entropy of a text equal those of torch") func entropy() throws {
    var (example, golden) = try example(.entropy, rate: 0.01)
    example.grouping = .task
    let found = try example.trajectory(Double.self, names: [names[0]])
    let raw = try golden.doubles("entropy/task/raw")
    let values = try golden.doubles("entropy/task/value")
    #expect(distance(found.raw, raw) <= 1e-9)
    #expect(distance(found.values, values) <= 1e-11)
  }
}
