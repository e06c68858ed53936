import Base
import Checkpoints
import Merging
import Models
import Networks
import Packing
import Rotary
import RotaryScaling
import TensorCore
import Training

/// The outputs of a training: a model with the trained tensors, and adapters.
struct TrainedOutput {
  private let trainer: Trainer<Float>
  private let inputs: TrainingInputs

  init(_ trainer: Trainer<Float>, _ inputs: TrainingInputs) {
    self.trainer = trainer
    self.inputs = inputs
  }

  /// Returns the model; nil if only adapters are trained.
  func model() throws -> Checkpoint? {
    if case .adapters = inputs.part, inputs.fit == nil { return nil }
    var checkpoint = try inputs.checkpoint.replacingTensors(
      by: trainer, sparse: Set(inputs.masks.keys))
    guard let fit = inputs.fit, let rotation = trainer.rotation else { return checkpoint }
    let prefix = trainer.network.prefix
    let inverse = fit.settings.layer.inverse
    checkpoint.tensors += [
      try ValueTensorSource.tensor(
        prefix + CLEXLayer.tensorNames[0],
        Value([inverse.count], inverse, in: trainer.compute.arena)),
      try ValueTensorSource.tensor(rotation.up.name, rotation.up.value),
      try ValueTensorSource.tensor(rotation.down.name, rotation.down.value),
    ]
    return try checkpoint.replacingCompanion(ModelConfig.name, with: fit.plan.configText())
  }

  /// Returns the adapters in the layout of PEFT; nil if none are trained.
  func adapter() throws -> Checkpoint? {
    guard case .adapters(let settings) = inputs.part else { return nil }
    let layers = try trainer.adapted.map { one in
      PEFTAdapter.Layer(
        module: one.layer.module, a: try ValueTensorSource.tensor(one.a.name, one.a.value),
        b: try ValueTensorSource.tensor(one.b.name, one.b.value))
    }
    var adapter = PEFTAdapter(
      rank: settings.rank, alpha: settings.alpha,
      targets: settings.targets.isEmpty ? layers.map(\.module) : settings.targets)
    adapter.isTransposed = trainer.network.family.storesInputsFirst
    adapter.predictsTokens = trainer.network.configuration.classifier == nil
    return try adapter.checkpoint(layers, of: inputs.checkpoint)
  }
}
