import BLAS
import Base
import Checkpoints
import Examples
import Models
import Networks
import Recipes
import Rotary
import RotaryScaling
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
  /// The file of the masks; nil if there are none.
  let maskFile: Checkpoint?
  /// The part of the network that is trained.
  let part: TrainedPart
  /// The trained frequencies; nil if the model keeps its own.
  let fit: (settings: CLEXFitSettings, plan: CLEXFitPlan)?
  /// Everything that shapes the result, for the run folder.
  let command: JSONObject
  let kernels: KernelChoice

  /// - Parameters:
  ///   - rounds: The index of the training among several that use the same file of draws, and their number.
  ///   - rope: The settings of a fit of frequencies; nil for a plain training.
  init(
    _ model: String, _ settings: TrainSettings, rounds: (index: Int, count: Int) = (0, 1),
    rope: RopeFitSettings? = nil, _ context: OperationContext
  ) throws {
    let files = ModelFiles(checkpoint: try context.read(model, for: .report), path: model)
    var checkpoint = try context.identified([files.checkpoint])[0]
    configuration = try files.configuration()
    kernels = settings.kernels
    part = try Self.part(settings, rope)
    let recipe = try Self.recipe(settings, rope, configuration)
    self.recipe = recipe
    let plan = try rope.map {
      try CLEXFitPlan(RopeModel(model), $0.request, window: recipe.window)
    }
    if plan != nil { checkpoint.tensors.removeAll { CLEXLayer.isPart($0.name) } }
    self.checkpoint = checkpoint
    let network = try Network<Float>.outline(of: configuration, path: model)
    // Faults of names and shapes are found before the data are read.
    _ = try Trainer<Float>(
      checkpoint, configuration, recipe, part: part, readsLazily: true, Compute.counting(jobs: 1))
    let reader = try TrainingDataReader(
      network, files, recipe, tokenizer: settings.tokenizer, start: settings.start, context)
    let (data, digest) = try reader.data(settings.data, labels: settings.labels)
    self.data = data
    guard settings.test != nil || settings.testLabels == nil else {
      throw UsageError("\(setting: "test-labels") has no effect without \(setting: "test")")
    }
    let test = try settings.test.map { try reader.data([$0], labels: settings.testLabels) }
    self.test = test?.data
    if recipe.kept == .best, test == nil {
      throw UsageError(
        "the recipe keeps the best epoch, which needs test data",
        hint: "name them with \(setting: "test"), or set keep to last")
    }
    let draws: (order: ExampleOrder, digest: String)?
    let hasRecipe = settings.recipe != nil
    if let rope, let plan {
      let found = try Self.draws(settings.draws, recipe, data, context)
      var settings = CLEXFitSettings(
        plan.parameters, trainedLength: plan.trainedLength, layer: plan.layer,
        draws: found?.draws ?? .random(seed: recipe.seed))
      settings.clip = rope.projectionLimit(hasRecipe: hasRecipe)
      settings.rateFactor = (rope.projectionRate ?? recipe.rate.peak) / recipe.rate.peak
      if case .given(let times, _) = settings.draws,
        let time = times.first(where: { $0 > plan.parameters.maximumFactor })
      {
        throw UsageError(
          "the draws have the time \(time), above \(setting: "max-factor") "
            + "\(plan.parameters.maximumFactor)")
      }
      fit = (settings, plan)
      draws = found.map { (.asStored, $0.digest) }
    } else {
      fit = nil
      draws = try settings.draws.map { try Self.order($0, recipe, data, rounds, context) }
    }
    order = draws?.order ?? .random(seed: recipe.seed)
    maskFile = try settings.mask.map {
      try context.identified([context.read($0, for: .report)])[0]
    }
    masks = try maskFile.map { try Self.masks($0, checkpoint) } ?? [:]
    var command: JSONObject = [
      "schema": "sumac.run/1", "version": .string(Version.current),
      "model": .string(checkpoint.identity.id),
      "recipe": try settings.recipe.map { .string(try Self.digest(ofFile: $0)) } ?? .null,
      "data": .string(digest),
      "test": test.map { .string($0.digest) } ?? .null,
      "draws": draws.map { .string($0.digest) } ?? .null,
      "mask": try settings.mask.map { .string(try Self.digest(ofFile: $0)) } ?? .null,
      "kernels": .string(settings.kernels.rawValue),
    ]
    if settings.start != .never { command["bos"] = .string(settings.start.rawValue) }
    if let adapter = settings.adapter { command["adapter"] = .string(adapter) }
    if !settings.targets.isEmpty {
      command["targets"] = .array(settings.targets.map { .string($0) })
    }
    if let rope { command["rope"] = rope.command }
    self.command = command
  }

  /// Returns the part of the network that is trained.
  private static func part(_ settings: TrainSettings, _ rope: RopeFitSettings?) throws
    -> TrainedPart
  {
    var part = TrainedPart.weights
    if let rope {
      part = try rope.trainedPart(targets: settings.targets)
    } else if let text = settings.adapter {
      var adapter = try AdapterSettings(text)
      adapter.targets = settings.targets
      part = .adapters(adapter)
    }
    if case .adapters = part {
    } else if !settings.targets.isEmpty {
      throw UsageError(
        "\(setting: "target") names layers for adapters, but none are trained",
        hint: rope == nil
          ? "add \(setting: "adapter") lora:8" : "use \(setting: "train") lora:8")
    }
    guard !part.freezesWeights || settings.mask == nil else {
      throw UsageError("masks are for weights, which this training does not change")
    }
    return part
  }

  private static func recipe(
    _ settings: TrainSettings, _ rope: RopeFitSettings?, _ configuration: ModelConfiguration
  ) throws -> TrainingRecipe {
    let stored = try settings.recipe.map {
      try TrainingRecipe(RecipeFile.read($0), path: $0)
    }
    if let rope {
      return try rope.recipe(stored, trainedLength: try? configuration.maximumPositions)
    }
    guard let stored else {
      throw UsageError("no recipe given", hint: "name one with \(setting: "recipe")")
    }
    return stored
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

  /// Returns the times and positions that a file gives for each step of a fit, and their digest.
  private static func draws(
    _ path: String?, _ recipe: TrainingRecipe, _ data: any TrainingData,
    _ context: OperationContext
  ) throws -> (draws: CLEXDraws, digest: String)? {
    guard let path else { return nil }
    let times = try DataTensor(path + ":t", "times, integers with one dimension", context) {
      DataTensor.isInteger($0.dtype) && $0.shape.dimensions.count == 1
    }
    let positions = try DataTensor(
      path + ":positions", "positions with two dimensions", context
    ) { $0.shape.dimensions.count == 2 }
    let perEpoch = TrainingLoop.stepsPerEpoch(recipe, data)
    let count = recipe.stepCount(perEpoch: perEpoch)
    let length = data.windowLength ?? 0
    guard times.shape[0] >= count, positions.shape[0] >= count, positions.shape[1] == length
    else {
      throw UsageError(
        "\(path.printable): t has the shape \(times.shape) and positions \(positions.shape), "
          + "expected [\(count)] and [\(count), \(length)]")
    }
    let numbers = try times.indexes(below: CLEXParameters.factorLimit + 1, .trainingData).map {
      Int($0)
    }
    guard numbers.allSatisfy({ $0 >= 1 }) else {
      throw UsageError("\(path.printable): t has a time of 0, expected 1 or more")
    }
    let values = try positions.numbers()
    let rows = (0..<count).map { Array(values[$0 * length..<($0 + 1) * length]) }
    let digest =
      XXH64.digits(of: try times.tensor.bytes()) + XXH64.digits(of: try positions.tensor.bytes())
    return (.given(times: numbers, positions: rows), digest)
  }

  /// Returns the masks of a file, whose tensors have names and shapes of the model's.
  private static func masks(
    _ file: Checkpoint, _ checkpoint: Checkpoint
  ) throws -> [String: LazyTensor] {
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
            .trainingData, "is a mask of no tensor of \(checkpoint.path.printable)",
            path: file.path,
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
    /// True if weights that are not trained are read whenever they are needed, because the memory is short.
    var readsLazily = false
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
    for (usesSegments, readsLazily) in [(false, false), (true, false), (true, true)]
    where !readsLazily || part.freezesWeights {
      let compute = Compute.counting(jobs: context.jobs)
      let trainer = try Trainer<Float>(
        checkpoint, configuration, recipe, masks: masks, part: part, readsLazily: readsLazily,
        fit: fit?.settings, compute)
      trainer.usesSegments = usesSegments
      let examples = Array(0..<min(recipe.batch, data.count))
      _ = try trainer.step(
        data.batch(examples, in: compute.arena), number: 1, rate: recipe.rate.peak)
      plan.parameterCount = trainer.parameters.reduce(0) { $0 + $1.count }
      plan.byteCount = compute.arena.peakByteCount + data.byteCount + (test?.byteCount ?? 0)
      plan.usesSegments = usesSegments
      plan.readsLazily = readsLazily
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
      checkpoint, configuration, recipe, masks: masks, part: part, readsLazily: plan.readsLazily,
      fit: fit?.settings, Compute(library))
    trainer.usesSegments = plan.usesSegments
    return trainer
  }
}
