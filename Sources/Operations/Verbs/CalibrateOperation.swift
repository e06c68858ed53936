import Base
import Checkpoints
import Evaluation
import Models
import Networks

/// Runs a model over text and writes what the inputs of its linear layers are.
package struct CalibrateOperation: OutputOperation {
  package static let verb = "calibrate"

  package var model: String
  package var settings: EvaluationSettings
  /// Patterns of the names of weights whose products of inputs are written too.
  package var products: [String] = []
  /// The change of each block after it was measured: a share of weights or a pattern N:M to prune by wanda, or the path of
  /// a changed model; nil if nothing does.
  package var sequential: String?
  package var output: OutputSettings

  package init(model: String, settings: EvaluationSettings, output: OutputSettings) {
    self.model = model
    self.settings = settings
    self.output = output
  }

  package func request(_ context: OperationContext) throws -> OutputRequest {
    let step = try sequential.map { try SequentialStep($0) }
    return try request(inputs(step, context), step, context)
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let step = try sequential.map { try SequentialStep($0) }
    let inputs = try inputs(step, context)
    let request = try request(inputs, step, context)
    let result = try OutputRun(request, verb: Self.verb, output, context).run()
    try inputs.journal?.remove()
    return result
  }

  private func inputs(
    _ step: SequentialStep?, _ context: OperationContext
  ) throws -> EvaluationInputs {
    if settings.resumeFolder != nil, !products.isEmpty || sequential != nil {
      let other: Message =
        products.isEmpty ? "\(setting: "sequential")" : "\(setting: "products")"
      throw UsageError(
        "the state of a run with \(other) is not kept",
        hint: "leave out \(setting: "resume")")
    }
    return try EvaluationInputs(
      model, against: step?.changedPath, settings, run: Self.verb, context)
  }

  private func request(
    _ inputs: EvaluationInputs, _ step: SequentialStep?, _ context: OperationContext
  ) throws -> OutputRequest {
    if let changed = inputs.base { try Evaluator.checkLayerCounts(changed, inputs.model) }
    let layers = try inputs.model.linearLayers()
    let wanted = try wantedProducts(layers)
    var planned = Checkpoint(
      path: inputs.checkpoint.path, container: .memory,
      tensors: try Calibration(layers).tensors(products: wanted),
      identity: inputs.checkpoint.identity, files: inputs.checkpoint.files)
    planned.lineage = inputs.checkpoint.lineage
    let unmeasured = planned
    let reserved =
      Evaluator.productByteCount(of: layers, wanted: wanted)
      + Evaluator.tallyByteCount(of: layers, inputs.model)
    var demand = try inputs.demand()
    demand.fixedByteCount += reserved
    let pruning = try step?.pruning.map {
      try SequentialPruning($0, inputs.source, inputs.model, layers, inputs.compute, context)
    }
    demand.fixedByteCount += pruning?.byteCount ?? 0
    _ = try context.memory.allot(demand, jobs: context.jobs, tiles: .max, valueByteCount: .max)
    let taken = reserved + (pruning?.byteCount ?? 0)
    // SAFETY: the survey runs after this function, at most once, and nothing else uses the models.
    nonisolated(unsafe) let run = (inputs: inputs, pruning: pruning)
    var request = OutputRequest(
      options: lineageOptions(step), inputs: [inputs.checkpoint] + inputs.others, output: planned,
      carried: [],
      survey: OutputSurvey(
        .evaluate, demand, byteCount: 0
      ) { _, _ in
        let (inputs, pruning) = unsafe run
        var changed: ((Int, Calibration) throws -> EvaluatedModel)?
        if let model = inputs.base { changed = { _, _ in model } }
        if let pruning { changed = { try pruning.model(afterBlock: $0, $1) } }
        let passes = inputs.model.layerCount * (changed == nil ? 1 : 2) + 1
        let calibration = try inputs.run(passes: passes, reserved: taken) {
          try $0.calibration(of: inputs.model, products: wanted, changed: changed)
        }
        var measured = unmeasured
        measured.tensors = try calibration.tensors(products: wanted)
        return SurveyedOutput(output: measured)
      })
    request.split = split(inputs, layers) {
      var measured = unmeasured
      measured.tensors = try $0.tensors()
      return measured
    }
    return request
  }

  private func lineageOptions(_ step: SequentialStep?) -> [Lineage.Option] {
    var options = settings.lineageOptions + products.map { Lineage.Option("products", $0) }
    if let sequential {
      let name = "sequential"
      options.append(
        step?.changedPath == nil
          ? Lineage.Option(name, sequential) : Lineage.Option(name, file: sequential))
    }
    return options
  }

  /// Returns the weights whose products are wanted.
  /// - Throws: ``UsageError`` or ``SeveralErrors`` for patterns that match no layer.
  private func wantedProducts(_ layers: [LinearLayer]) throws -> Set<String> {
    var (wanted, errors) = (Set<String>(), [any UserError]())
    for pattern in products {
      let glob = Glob(pattern)
      let names = layers.map(\.weight).filter(glob.matches)
      if names.isEmpty {
        let example = layers.first.map { ", such as \($0.weight.printable)" } ?? ""
        errors.append(
          UsageError(
            "\(setting: "products") '\(pattern.printable)' matches no linear layer",
            hint: "use the names of their weights\(example)"))
      }
      wanted.formUnion(names)
    }
    try SeveralErrors.throwIfAny(errors)
    return wanted
  }
}
