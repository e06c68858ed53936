import BLAS
import Base
import Checkpoints
import SparCL
import Training

extension SparclTrainSettings {
  /// The options that shape the result, for lineages: names of files, and the values of the recipes.
  func lineageOptions(
    _ recipe: ContinualRecipe, _ training: TrainingRecipe
  ) -> [Lineage.Option] {
    var options = [Lineage.Option("data", file: data)]
    func add(_ name: String, _ value: String?) {
      if let value { options.append(Lineage.Option(name, value)) }
    }
    if let labels { options.append(Lineage.Option("labels", file: labels)) }
    add("tasks", tasks)
    add("epochs", String(recipe.epochs))
    add("masks", recipe.masks.rawValue)
    if recipe.masks != .dense {
      add("sparsity", String(recipe.sparsity))
      for pattern in layers { add("layers", pattern) }
      if freesZeros { add("free-zeros", "true") }
      add("gradient-sparsity", recipe.gradientSparsity.map { "\($0)" })
      if recipe.gradientSparsity != nil { add("gradient-every", String(recipe.gradientInterval)) }
    }
    if recipe.masks == .dynamic {
      add("lower", lower)
      add("upper", upper)
      add("changes", changes)
      if lower == nil { add("exchange", "\(exchange ?? Self.defaultExchange)") }
      add("importance", String(recipe.importanceFactor))
    }
    if recipe.masks == .dynamic || removal != nil {
      add("mask-every", String(recipe.schedule.interval))
    }
    add("remove", removal)
    add("replay", recipe.replay.rawValue)
    if recipe.replay != .none {
      add("buffer", String(recipe.bufferSize))
      if recipe.replay == .derpp { add("logit-weight", String(recipe.logitWeight)) }
      add("label-weight", String(recipe.labelWeight))
    }
    add("recipe", JSONValue.object(training.values(hasWindows: false)).serialized())
    if let draws { options.append(Lineage.Option("draws", file: draws)) }
    add("kernels", kernels.rawValue)
    return options
  }
}
