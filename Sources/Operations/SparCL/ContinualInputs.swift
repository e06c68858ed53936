import BLAS
import Base
import Checkpoints
import Examples
import Models
import Networks
import Recipes
import TensorCore
import Training

/// The inputs of a sparse training over several tasks, read and checked.
struct ContinualInputs {
  let checkpoint: Checkpoint
  let recipe: ContinualRecipe
  let data: LabelledExamples
  /// The examples that accuracies are measured on.
  let test: LabelledExamples
  let hasTest: Bool
  /// Everything that shapes the result, for the run folder.
  let command: JSONObject
  private let course: ContinualCourse
  private let configuration: ModelConfiguration
  /// Optimizer, rate, batches and input.
  let training: TrainingRecipe
  private let draws: ContinualDraws
  private let kernels: KernelChoice

  init(
    _ model: String, _ settings: SparclTrainSettings, _ context: OperationContext
  ) throws {
    let files = ModelFiles(checkpoint: try context.read(model, for: .report), path: model)
    let checkpoint = try context.identified([files.checkpoint])[0]
    self.checkpoint = checkpoint
    configuration = try files.configuration()
    kernels = settings.kernels
    let network = try Network<Float>.outline(of: configuration, path: model)
    guard let classifier = network.configuration.classifier else {
      throw UsageError(
        "\(model.printable) is not a classifier", hint: "train an mlp, a convnet or a resnet")
    }
    let training = try Self.training(settings, context)
    self.training = training
    let counting = try Trainer<Float>(
      checkpoint, configuration, training, Compute.counting(jobs: 1))
    let recipe = try settings.recipe(
      weights: counting.parameters.map { ($0.name, $0.shape) }, classCount: classifier.classCount)
    self.recipe = recipe
    let reader = try TrainingDataReader(network, files, training, context)
    let (data, digest) = try reader.examples(settings.data, labels: settings.labels, classifier)
    self.data = data
    let test = try settings.test.map {
      try reader.examples($0, labels: settings.testLabels, classifier)
    }
    self.test = test?.data ?? data
    hasTest = test != nil
    let course = ContinualCourse(
      recipe,
      exampleCounts: ContinualLearner<Float>.examples(data, recipe.tasks).map(\.count),
      batch: training.batch)
    self.course = course
    try SeveralErrors.throwIfAny(
      Self.missingClasses(data, "data", recipe)
        + (test.map { Self.missingClasses($0.data, "test", recipe) } ?? []))
    try SeveralErrors.throwIfAny(Self.shortEpochs(course))
    let given = try settings.draws.map {
      try ContinualDrawsFile.read($0, recipe, course, context)
    }
    draws = ContinualDraws(seed: training.seed, given: given?.draws)
    command = try Self.command(
      settings, checkpoint, recipe, training, data: digest, test: test?.digest, draws: given?.digest
    )
  }

  /// Returns optimizer, rate and batches: those of a recipe, or the defaults of the paper's code.
  private static func training(
    _ settings: SparclTrainSettings, _ context: OperationContext
  ) throws -> TrainingRecipe {
    var recipe = TrainingRecipe(.epochs(settings.epochs))
    recipe.rate = LearningRate(peak: 0.03)
    if let path = settings.recipe {
      recipe = try TrainingRecipe(RecipeFile.read(path), path: path)
      recipe.length = .epochs(settings.epochs)
    } else if try TrainingDataReader.inputs(settings.data, context).tensor.info.dtype == .u8 {
      recipe.input.divisor = 255
    }
    if let rate = settings.rate {
      guard rate > 0, rate.isFinite else {
        throw UsageError("\(setting: "rate") is \(rate), expected a positive number")
      }
      recipe.rate.peak = rate
    }
    if let batch = settings.batch {
      guard (1...1 << 20).contains(batch) else {
        throw UsageError("\(setting: "batch") is \(batch), expected 1 or more")
      }
      recipe.batch = batch
    }
    if let seed = settings.seed { recipe.seed = seed }
    if let divisor = settings.divisor {
      guard divisor > 0, divisor.isFinite else {
        throw UsageError("\(setting: "divide-by") is \(divisor), expected a positive number")
      }
      recipe.input.divisor = divisor
    }
    if recipe.kept == .best {
      throw UsageError(
        "the recipe keeps the best epoch, which does not apply to several tasks",
        hint: "set keep to last")
    }
    return recipe
  }

  /// Returns an error for each class of the tasks that has no examples.
  private static func missingClasses(
    _ data: LabelledExamples, _ name: String, _ recipe: ContinualRecipe
  ) -> [any UserError] {
    let present = Set(data.labels)
    return recipe.tasks.joined().filter { !present.contains(Int32($0)) }.map {
      UsageError("\(setting: name) has no examples of class \($0), which a task names")
    }
  }

  /// Returns an error for each task with an epoch that has no full batch.
  private static func shortEpochs(_ course: ContinualCourse) -> [any UserError] {
    course.shortEpochs.map { short in
      UsageError(
        "task \(short.task + 1) has \(short.exampleCount.counted("example")), too few for a batch "
          + "of \(course.batch) in epoch \(short.epoch)",
        hint: "lower the batch, or remove fewer examples")
    }
  }

  /// The settings that name files.
  private static let files: Set = ["data", "labels", "draws"]

  private static func command(
    _ settings: SparclTrainSettings, _ checkpoint: Checkpoint, _ recipe: ContinualRecipe,
    _ training: TrainingRecipe,
    data: String, test: String?, draws: String?
  ) throws -> JSONObject {
    // Names of files do not shape the result; the contents of the files do.
    var plain = JSONObject()
    for option in settings.lineageOptions(recipe, training) where !Self.files.contains(option.name)
    {
      let past = plain[option.name]?.asString.map { $0 + " " } ?? ""
      plain[option.name] = .string(past + option.value)
    }
    plain["recipe"] = .object(training.values(hasWindows: false))
    let file = try settings.recipe.map { path in
      let file = try InputFile(path: path)
      return XXH64.digits(of: try file.bytes(at: 0, count: file.byteCount))
    }
    return [
      "schema": "sumac.sparcl-run/1", "version": .string(Version.current),
      "model": .string(checkpoint.identity.id), "data": .string(data),
      "test": test.map { .string($0) } ?? .null, "draws": draws.map { .string($0) } ?? .null,
      "recipe": file.map { .string($0) } ?? .null, "settings": .object(plain),
    ]
  }

  // MARK: Work

  struct Plan {
    /// The peak of everything that the run holds, in bytes.
    var byteCount: Int
    var parameterCount: Int
    var stepCount: Int
  }

  /// Returns the plan of a run.
  /// - Throws: ``UsageError`` if it needs more memory than the limit.
  func plan(_ context: OperationContext) throws -> Plan {
    let compute = Compute.counting(jobs: context.jobs)
    let learner = try learner(compute)
    try learner.countStep()
    let parameters = learner.trainer.parameters.reduce(0) { $0 + $1.count }
    let plan = Plan(
      byteCount: compute.arena.peakByteCount + data.byteCount + (hasTest ? test.byteCount : 0)
        + learner.countedStateByteCount, parameterCount: parameters,
      stepCount: course.stepCount)
    _ = try context.memory.allot(
      MemoryBudget.Demand(fixedByteCount: plan.byteCount, workerByteCount: 0), jobs: context.jobs,
      tiles: .max, valueByteCount: .max)
    return plan
  }

  private func learner(_ compute: Compute) throws -> ContinualLearner<Float> {
    ContinualLearner(
      try Trainer<Float>(checkpoint, configuration, training, compute), recipe, data, draws)
  }

  /// Returns a learner with the values of the model.
  func learner(_ context: OperationContext) throws -> ContinualLearner<Float> {
    let library = try BLAS.load(
      kernels, crew: Crew(jobs: context.jobs, cancellation: context.cancellation))
    return try learner(Compute(library))
  }
}
