import AdaMerging
import BLAS
import Base
import Checkpoints
import Coefficients
import Containers
import Examples
import Merging
import Models
import Networks
import TensorCore
import TestSupport

/// The tensors of a file of the fixtures.
struct StoredTensors {
  private let tensors: [String: LazyTensor]

  struct Missing: Error { let name: String }

  init(_ relative: String) throws { try self.init(path: Fixtures.path(relative)) }

  init(path: String) throws {
    let checkpoint = try Containers.read(path)
    tensors = Dictionary(uniqueKeysWithValues: checkpoint.tensors.map { ($0.name, $0) })
  }

  func tensor(_ name: String) throws -> LazyTensor {
    guard let tensor = tensors[name] else { throw Missing(name: name) }
    return tensor
  }

  func doubles(_ name: String) throws -> [Double] { try tensor(name).bytes().doubles }

  func integers(_ name: String) throws -> [Int32] {
    let tensor = try tensor(name)
    let bytes = try tensor.bytes()
    let width = tensor.info.dtype.bitsPerElement / 8
    return stride(from: 0, to: bytes.count, by: width).map { start in
      (0..<width).reduce(0) { $0 | Int32(bytes[start + $1]) << (8 * $1) }
    }
  }

  func floats(_ name: String) throws -> [Float] {
    let bytes = try tensor(name).bytes()
    return stride(from: 0, to: bytes.count, by: 4).map { start in
      Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * $1) })
    }
  }
}

/// The steps of a learning.
struct Trajectory {
  var values: [Double] = []
  var gradients: [Double] = []
  /// The coefficients before the first step and after each, in the order of `names`.
  var raw: [Double] = []
}

/// A merge whose coefficients are learned in a test.
struct LearnedExample {
  var base: Checkpoint
  var merging: Merging
  var configuration: ModelConfiguration
  var tasks: [LearningTask]
  var draws: BatchDraws
  var recipe: CoefficientRecipe
  var grouping = MergeCoefficients.Grouping.tensor

  /// Reads models of the fixtures, and surveys their task vectors.
  init(
    base: String, _ models: [String], ties: Double?, _ configuration: ModelConfiguration,
    _ tasks: [LearningTask], _ draws: BatchDraws, _ recipe: CoefficientRecipe
  ) throws {
    try self.init(
      base: base, models, ties: ties, configuration, tasks, draws, recipe,
      read: { try Containers.read(Fixtures.path($0)) })
  }

  /// - Parameter read: Returns the model of a name.
  init(
    base: String, _ models: [String], ties: Double?, _ configuration: ModelConfiguration,
    _ tasks: [LearningTask], _ draws: BatchDraws, _ recipe: CoefficientRecipe,
    read: (String) throws -> Checkpoint
  ) throws {
    var merge = MergeRecipe(
      method: ties == nil ? TaskArithmetic.name : AdaMerging.name, base: base, models: models)
    if let ties { merge.override("ties", with: .number(ties)) }
    merge.override("weight", with: .number(0.3))
    var found: [String: Checkpoint] = [:]
    for name in [base] + models { found[name] = try read(name) }
    guard let checkpoint = found[base] else { throw StoredTensors.Missing(name: base) }
    self.base = checkpoint
    merging = try Merging(merge, models: found, options: MergeOptions())
    try SeveralErrors.throwIfAny(merging.errors)
    try merging.survey(
      engine: Engine(workers: 1, cancellation: Cancellation(), progress: NoProgress()))
    (self.configuration, self.tasks, self.draws, self.recipe) = (
      configuration, tasks, draws, recipe
    )
  }

  func rows(_ compute: Compute) throws -> CoefficientRows {
    let network = try Network<Float>.network(of: base, configuration, Compute.counting(jobs: 1))
    return CoefficientRows(
      merging.learnedTensors, grouping,
      blocks: (0..<network.layerCount).map(network.blockPrefix))
  }

  func learner<S: NetworkScalar>(
    _: S.Type, _ compute: Compute
  ) throws -> CoefficientLearner<S> {
    let election = merging.election.map {
      VectorElection(thresholds: $0.thresholds, zeroIsNegative: $0.zeroIsNegative)
    }
    return try CoefficientLearner<S>(
      base, configuration, merging.learnedTensors, election: election, rows(compute), recipe,
      tasks, paths: merging.learnedModels, compute)
  }

  /// Learns, and returns the steps with rows in the order of `names`.
  func trajectory<S: NetworkScalar>(
    _ type: S.Type, names: [String], jobs: Int = 1, holds: Bool = true, usesSegments: Bool = false
  ) throws -> Trajectory {
    let compute = try OpenBLAS.compute(jobs: jobs)
    let learner = try learner(type, compute)
    learner.usesSegments = usesSegments
    if holds { learner.hold(Set(merging.learnedTensors.map(\.name))) }
    let order = names.compactMap { learner.rows[$0] }
    let count = learner.modelCount
    func sorted(_ numbers: [Double]) -> [Double] {
      order.flatMap { numbers[$0 * count..<($0 + 1) * count] }
    }
    var result = Trajectory()
    result.raw = sorted(learner.rawCoefficients)
    var learning = CoefficientLearning()
    try learning.run(learner, draws, check: noCheck) { step in
      result.values += step.values.flatMap(\.self)
      result.gradients += sorted(step.gradient)
      result.raw += sorted(step.raw)
    }
    return result
  }
}

/// The largest difference of two lists of numbers.
func distance(_ found: [Double], _ expected: [Double]) -> Double {
  guard found.count == expected.count else { return .infinity }
  return zip(found, expected).map { abs($0 - $1) }.max() ?? 0
}

/// The small encoder of the fixtures, whose coefficients another program has learned too.
enum SmallEncoder {
  static let tasks = ["a", "b", "c"]
  static let names = [
    "fc1.weight", "fc1.bias", "norm.weight", "norm.bias", "fc2.weight", "fc2.bias", "proj.weight",
  ]

  static func example(
    ties: Double? = nil, rate: Double = 1e-3, labels: [Int32]? = nil, steps: Int = 8
  ) throws -> LearnedExample {
    let (pool, heads) = (
      try StoredTensors("adamerging/pool.safetensors"),
      try StoredTensors("adamerging/heads.safetensors")
    )
    var scaling = InputScaling()
    scaling.divisor = 16
    let found = try tasks.map { name in
      let weight = try heads.tensor(name + ".weight").info.shape.dimensions
      let head = LearningTask.Head(
        classCount: weight[0], width: weight[1], weight: try heads.floats(name + ".weight"),
        bias: name == "b" ? try heads.floats("b.bias") : nil)
      let data = LabelledExamples(
        .bytes(try pool.tensor(name).bytes()),
        labels: labels ?? Array(repeating: LogProbability.ignored, count: 24), shape: [12],
        scaling: scaling)
      return LearningTask(name, data, hasLabels: labels != nil, head: head)
    }
    var recipe = CoefficientRecipe()
    (recipe.batchSize, recipe.batchCount) = (4, 2)
    (recipe.stepCount, recipe.rate) = (steps, rate)
    let draws = try StoredTensors("adamerging/expected.safetensors").integers("draws")
    return try LearnedExample(
      base: "adamerging/base.safetensors", tasks.map { "adamerging/\($0).safetensors" },
      ties: ties,
      ModelConfiguration([
        "model_type": .string("mlp_encoder"), "input_shape": .array([JSONValue(12)]),
        "hidden_sizes": .array([JSONValue(10), JSONValue(8)]), "num_labels": JSONValue(6),
      ]), found, .given(draws, taskCount: 3, exampleCount: 8), recipe)
  }
}

/// A check that never ends a run.
func noCheck() {}
