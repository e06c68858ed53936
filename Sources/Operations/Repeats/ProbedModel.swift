import BLAS
import Base
import Checkpoints
import Evaluation
import InductionHeads
import Models
import Networks

/// A model that is run over sequences which repeat a segment.
struct ProbedModel {
  private let models: EvaluatedModels
  private let context: OperationContext

  /// The memory for each token of all sequences beside that of a group, in bytes: the token and its target, the sums of
  /// its logits, its score and its loss.
  static let tokenByteCount = 96

  /// Reads headers and configuration.
  /// - Throws: ``UsageError`` for a model without attention heads or an output layer.
  init(_ path: String, kernels: KernelChoice, _ context: OperationContext) throws {
    self.context = context
    var evaluation = EvaluationSettings()
    evaluation.kernels = kernels
    models = try EvaluatedModels([path], evaluation, context)
    try models.model.checkLogits()
    guard models.model.hasAttentionHeads else {
      throw UsageError(
        "\(path.printable) has no causal attention of heads", hint: "name a language model")
    }
  }

  private var model: EvaluatedModel { models.model }
  var path: String { model.path }
  var vocabularySize: Int { model.vocabularySize }
  /// The largest number of tokens of a sequence; nil if it is not limited by learned positions.
  var positionLimit: Int? { model.positionLimit }
  /// `bos_token_id` of config.json, if the vocabulary has it.
  var startToken: Int? {
    models.sources[0].configuration.object["bos_token_id"]?.asInt.flatMap {
      (0..<vocabularySize).contains($0) ? $0 : nil
    }
  }
  /// The kernels of the matrix products, for reports.
  var kernels: String { models.kernels }

  /// Throws if the model cannot run over the sequences, or needs more memory than the limit for them.
  func check(_ inputs: ProbeInputs) throws {
    for pass in try [
      Pass(inputs.pairs, model, models.compute, observesAttention: true),
      Pass(inputs.copies, model, models.compute, observesAttention: false),
    ] {
      try context.checkMemory(pass.demand.fixedByteCount + pass.reservedByteCount)
    }
  }

  /// Runs the model over the sequences.
  func probe(_ inputs: ProbeInputs) throws -> Probe {
    var measures = AttentionMeasures(
      HeadGrid(layerCount: model.layerCount, headCount: model.headCount),
      segmentLength: inputs.pairs.segmentLength)
    let losses = try self.losses(inputs.pairs) { measures.add(layer: $0.layer, $0.shares) }
    let copyLosses = try self.losses(inputs.copies)
    return Probe(measures, inputs.pairs, losses: losses, inputs.copies, copyLosses: copyLosses)
  }

  /// Returns the loss of each token after the first of each sequence.
  private func losses(
    _ sequences: ProbeSequences, attention: ((ObservedAttention) throws -> Void)? = nil
  ) throws -> [Double] {
    let pass = try Pass(
      sequences, model, models.compute, observesAttention: attention != nil)
    return try context.evaluating(
      models.compute, pass.demand, reserved: pass.reservedByteCount,
      tokenCount: (model.layerCount + 1) * pass.windows.inputs.count
    ) {
      try Evaluator(pass.windows, $0).scores(of: model, attention: attention)
        .map { -$0.logProbability }
    }
  }

  /// A run of a model over sequences, with its memory.
  private struct Pass {
    let windows: TokenWindows
    let demand: MemoryBudget.Demand
    /// The memory beside that of the evaluator, in bytes.
    let reservedByteCount: Int

    /// - Throws: ``UsageError`` or ``FormatError`` for tokens or positions that the model does not have.
    init(
      _ sequences: ProbeSequences, _ model: EvaluatedModel, _ compute: Compute,
      observesAttention: Bool
    ) throws {
      windows = try TokenWindows(rows: sequences.tokens, length: sequences.length)
      try windows.check(vocabularySize: model.vocabularySize, path: model.path)
      demand = MemoryBudget.Demand(
        fixedByteCount: try Evaluator.byteCount(of: model, windows, jobs: compute.jobs),
        workerByteCount: 0)
      reservedByteCount =
        sequences.tokens.count * ProbedModel.tokenByteCount
        + (observesAttention ? Evaluator.attentionByteCount(of: model, windows) : 0)
    }
  }
}
