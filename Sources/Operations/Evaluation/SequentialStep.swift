import Base
import Checkpoints
import Evaluation
import Models
import Networks
import Pruning
import Surveys

/// The change of each block after its inputs were measured.
struct SequentialStep {
  /// The settings by which wanda prunes a block; nil if a changed model is given.
  let pruning: PruneSettings?
  /// The path of the changed model.
  let changedPath: String?

  /// Reads a share such as `50%` or `0.5`, a pattern such as `2:4`, or the path of a model.
  /// - Throws: ``UsageError`` for a share out of range, or text that is none of these.
  init(_ text: String) throws {
    var settings = PruneSettings()
    settings.method = .wanda
    if Pattern(text) != nil {
      settings.pattern = text
    } else if let number = Double(text.hasSuffix("%") ? String(text.dropLast()) : text) {
      settings.amount = text.hasSuffix("%") ? number / 100 : number
      guard (0...1).contains(settings.amount ?? 0) else {
        throw UsageError(
          "\(setting: "sequential") is \(text.printable), expected a share from 0 to 1 or 0% to 100%"
        )
      }
    } else {
      guard try FileSystem.targetType(text) != nil else {
        throw UsageError(
          "\(setting: "sequential") '\(text.printable)' is neither a share, a pattern nor a file",
          hint: "write 50% or 2:4 to prune each block by wanda, or name a changed model")
      }
      (pruning, changedPath) = (nil, text)
      return
    }
    (pruning, changedPath) = (settings, nil)
  }
}

/// Prunes the linear layers of one block after another by wanda, with the norms that were measured while all blocks
/// before were pruned.
///
/// Source: the order of the official code of Sun et al., "A Simple and Effective Pruning Approach for Large Language
/// Models", ICLR 2024.
struct SequentialPruning {
  private let settings: PruneSettings
  private let source: EvaluatedSource
  private let model: EvaluatedModel
  private let layers: [LinearLayer]
  private let compute: Compute
  private let context: OperationContext
  private let roles: TensorRoles
  /// The memory of one worker, in bytes.
  private let workerByteCount: Int

  /// - Throws: The errors of weights that cannot be pruned.
  init(
    _ settings: PruneSettings, _ source: EvaluatedSource, _ model: EvaluatedModel,
    _ layers: [LinearLayer], _ compute: Compute, _ context: OperationContext
  ) throws {
    self.settings = settings
    self.source = source
    self.model = model
    self.layers = layers
    self.compute = compute
    self.context = context
    roles = TensorRoles(source.checkpoint)
    let names = Set(
      (0..<model.layerCount).flatMap { model.weights(ofBlock: $0, among: layers) })
    let (pruning, errors) = try Self.pruning(
      settings, roles, names, norms: Calibration(layers), layers)
    try SeveralErrors.throwIfAny(errors + pruning.errors(for: source.checkpoint))
    workerByteCount = pruning.workspaceByteCount(source.checkpoint)
    fixedByteCount = pruning.fixedByteCount(source.checkpoint)
  }

  private let fixedByteCount: Int

  /// The memory that pruning a block needs beside the evaluation, in bytes. It runs on one worker.
  var byteCount: Int { fixedByteCount + workerByteCount }

  private static func pruning(
    _ settings: PruneSettings, _ roles: TensorRoles, _ names: Set<String>, norms: Calibration,
    _ layers: [LinearLayer]
  ) throws -> (Pruning, [any UserError]) {
    let tensors = try layers.filter { names.contains($0.weight) }.map {
      try norms.tensors(of: $0)[0]
    }
    let measured = Checkpoint(
      path: "the measured norms", container: .memory, tensors: tensors,
      identity: InputIdentity(of: Lineage(), byteCount: 0), files: [])
    var (pruning, errors) = settings.pruning(
      selection: Selection(names: names), norms: measured, mask: nil)
    pruning.roles = roles
    return (pruning, errors)
  }

  /// Returns the model with a block whose weights are pruned by what was measured.
  func model(afterBlock layer: Int, _ measured: Calibration) throws -> EvaluatedModel {
    let names = Set(model.weights(ofBlock: layer, among: layers))
    let (pruning, _) = try Self.pruning(settings, roles, names, norms: measured, layers)
    let engine = Engine(
      workers: 1, cancellation: context.cancellation, progress: NoProgress())
    let outcome = try pruning.outcome(
      for: source.checkpoint, recordsDecisions: false, engine: engine)
    return try EvaluatedModel(
      pruning.applied(to: source.checkpoint, outcome), source.configuration, compute)
  }
}
