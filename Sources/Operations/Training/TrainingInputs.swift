import BLAS
import Base
import Checkpoints
import Models
import Networks
import Recipes
import TensorCore
import Tokenizers
import Training

/// The inputs of a training, read and checked.
struct TrainingInputs {
  let checkpoint: Checkpoint
  let configuration: ModelConfiguration
  let recipe: TrainingRecipe
  let data: any TrainingData
  let test: (any TrainingData)?
  let order: ExampleOrder
  let masks: [String: LazyTensor]
  /// Everything that shapes the result, for the run folder.
  let command: JSONObject
  private let kernels: KernelChoice

  /// - Parameter rounds: The index of the training among several that use the same file of draws, and their number.
  init(
    _ model: String, _ settings: TrainSettings, rounds: (index: Int, count: Int) = (0, 1),
    _ context: OperationContext
  ) throws {
    let files = ModelFiles(checkpoint: try context.read(model, for: .report), path: model)
    let checkpoint = try context.identified([files.checkpoint])[0]
    self.checkpoint = checkpoint
    configuration = try files.configuration()
    kernels = settings.kernels
    let recipe = try TrainingRecipe(RecipeFile.read(settings.recipe), path: settings.recipe)
    self.recipe = recipe
    let network = try Network<Float>.outline(of: configuration, path: model)
    // Faults of names and shapes are found before the data are read.
    _ = try Trainer<Float>(checkpoint, configuration, recipe, Compute.counting(jobs: 1))
    let reader = try TrainingDataReader(network, files, recipe, settings.tokenizer, context)
    let (data, digest) = try reader.data(settings.data, labels: settings.labels)
    self.data = data
    let test = try settings.test.map { try reader.data($0, labels: settings.testLabels) }
    self.test = test?.data
    if recipe.kept == .best, test == nil {
      throw UsageError(
        "the recipe keeps the best epoch, which needs test data",
        hint: "name them with \(setting: "test"), or set keep to last")
    }
    let draws = try settings.draws.map { try Self.order($0, recipe, data, rounds, context) }
    order = draws?.order ?? .random(seed: recipe.seed)
    masks = try settings.mask.map { try Self.masks($0, checkpoint, context) } ?? [:]
    command = [
      "schema": "sumac.run/1", "version": .string(Version.current),
      "model": .string(checkpoint.identity.id),
      "recipe": .string(try Self.digest(ofFile: settings.recipe)), "data": .string(digest),
      "test": test.map { .string($0.digest) } ?? .null,
      "draws": draws.map { .string($0.digest) } ?? .null,
      "mask": try settings.mask.map { .string(try Self.digest(ofFile: $0)) } ?? .null,
      "kernels": .string(settings.kernels.rawValue),
    ]
  }

  private static func digest(ofFile path: String) throws -> String {
    let file = try InputFile(path: path)
    return XXH64.digits(of: try file.bytes(at: 0, count: file.byteCount))
  }

  // MARK: Draws and masks

  /// Returns the order of examples that a file gives, and its digest.
  private static func order(
    _ text: String, _ recipe: TrainingRecipe, _ data: any TrainingData,
    _ rounds: (index: Int, count: Int), _ context: OperationContext
  ) throws -> (order: ExampleOrder, digest: String) {
    let draws = try DataTensor(
      text, "integers with two or three dimensions", preferred: ["order"], context
    ) { DataTensor.isInteger($0.dtype) && (2...3).contains($0.shape.dimensions.count) }
    let perEpoch = TrainingLoop.stepsPerEpoch(recipe, data)
    let epochCount = (recipe.stepCount(perEpoch: perEpoch) + perEpoch - 1) / perEpoch
    // Without a dimension for them, all rounds have the same draws.
    let shape = (draws.shape.count == 3 ? [] : [rounds.count]) + draws.shape
    guard shape[2] == data.count, shape[1] >= epochCount, shape[0] >= rounds.count else {
      let others = rounds.count > 1 ? ", or as many for each of \(rounds.count) rounds" : ""
      throw UsageError(
        "\(draws.path.printable): the draws have the shape \(draws.shape), expected [\(epochCount), \(data.count)], a row of examples for each epoch\(others)"
      )
    }
    let numbers = try draws.indexes(below: data.count, .trainingData)
    let start = draws.shape.count == 3 ? rounds.index * shape[1] : 0
    let rows = (start..<start + epochCount).map { row in
      numbers[row * data.count..<(row + 1) * data.count].map { Int($0) }
    }
    return (.given(rows), XXH64.digits(of: try draws.tensor.bytes()))
  }

  /// Returns the masks of a file, whose tensors have names and shapes of the model's.
  private static func masks(
    _ path: String, _ checkpoint: Checkpoint, _ context: OperationContext
  ) throws -> [String: LazyTensor] {
    let file = try context.read(path, for: .report)
    var masks: [String: LazyTensor] = [:]
    let tensors = Dictionary(
      checkpoint.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var faults: [any UserError] = []
    for mask in file.tensors {
      guard let tensor = tensors[mask.name], tensor.info.shape == mask.info.shape,
        mask.info.dtype.bitsPerElement >= 8
      else {
        faults.append(
          FormatError(
            .trainingData, "is a mask of no tensor of \(checkpoint.path.printable)", path: path,
            tensor: mask.name, hint: "use masks that prune wrote for this model"))
        continue
      }
      masks[mask.name] = mask
    }
    try SeveralErrors.throwIfAny(faults)
    return masks
  }

  // MARK: Work

  /// The plan of the memory: the network and its values in a step.
  struct Plan {
    /// The peak of everything that the run holds, in bytes.
    var byteCount: Int
    /// True if blocks are computed again in the backward pass, because the memory is short.
    var usesSegments: Bool
    var parameterCount: Int
    var stepCount: Int
    var stepsPerEpoch: Int
  }

  /// Returns the plan of a run.
  /// - Throws: ``UsageError`` if it needs more memory than the limit.
  func plan(_ context: OperationContext) throws -> Plan {
    let perEpoch = TrainingLoop.stepsPerEpoch(recipe, data)
    var plan = Plan(
      byteCount: 0, usesSegments: false, parameterCount: 0,
      stepCount: recipe.stepCount(perEpoch: perEpoch), stepsPerEpoch: perEpoch)
    for usesSegments in [false, true] {
      let compute = Compute.counting(jobs: context.jobs)
      let trainer = try Trainer<Float>(checkpoint, configuration, recipe, masks: masks, compute)
      trainer.usesSegments = usesSegments
      let examples = Array(0..<min(recipe.batch, data.count))
      _ = try trainer.step(
        data.batch(examples, in: compute.arena), number: 1, rate: recipe.rate.peak)
      plan.parameterCount = trainer.parameters.reduce(0) { $0 + $1.count }
      plan.byteCount = compute.arena.peakByteCount + data.byteCount + (test?.byteCount ?? 0)
      plan.usesSegments = usesSegments
      if (try? allotment(plan, context)) != nil { return plan }
    }
    _ = try allotment(plan, context)
    return plan
  }

  private func allotment(
    _ plan: Plan, _ context: OperationContext
  ) throws -> MemoryBudget.Allotment {
    try context.memory.allot(
      MemoryBudget.Demand(fixedByteCount: plan.byteCount, workerByteCount: 0), jobs: context.jobs,
      tiles: .max, valueByteCount: .max)
  }

  /// Returns a trainer with the values of the model.
  func trainer(_ plan: Plan, _ context: OperationContext) throws -> Trainer<Float> {
    let library = try BLAS.load(
      kernels, crew: Crew(jobs: context.jobs, cancellation: context.cancellation))
    let trainer = try Trainer<Float>(
      checkpoint, configuration, recipe, masks: masks, Compute(library))
    trainer.usesSegments = plan.usesSegments
    return trainer
  }
}
