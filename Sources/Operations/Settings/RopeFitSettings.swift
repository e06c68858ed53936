import Base
import Networks
package import Rotary
import RotaryScaling
import Training

/// The settings of a fit of rotary frequencies, beside those of its training.
package struct RopeFitSettings: Codable, Sendable, Equatable {
  /// The largest multiple of the trained length; nil for that of a model that has a CLEX layer.
  package var maximumFactor: Int?
  /// The trained part: `all`, `clex` or an adapter such as `lora:8`.
  package var part = "all"
  /// The number of steps; nil for that of the recipe.
  package var steps: Int?
  /// The width of the projections as a multiple of the number of rotated dimensions.
  package var parameterFactor: Double?
  package var activation: CLEXParameters.Activation?
  /// The step of the solver.
  package var solverStep: Double?
  /// The number of tokens of a window; nil for the trained length, or that of the recipe.
  package var window: Int?
  /// The learning rate; nil for that of the recipe or the default.
  package var rate: Double?
  /// The learning rate of the projections; nil for the rate of the other parameters.
  package var projectionRate: Double?
  /// The largest norm of the gradients of the projections alone; nil for one norm of all gradients.
  package var projectionClip: Double?

  package init() {}

  /// The limit of the norm of the gradients of the projections; nil for one norm of all gradients.
  ///
  /// A frequency turns the last positions of the range by many times its own change, so that the gradients of the projections
  /// are at first tens of times larger than all others together. In one norm with them, the weights learn less. The default
  /// recipe therefore limits both apart; that of a file means one norm, as the authors' code has it.
  func projectionLimit(hasRecipe: Bool) -> Double? { projectionClip ?? (hasRecipe ? nil : 1) }

  /// Returns the part of the network that is trained.
  /// - Throws: ``UsageError`` if the text names no part.
  func trainedPart(targets: [String]) throws -> TrainedPart {
    switch part.lowercased() {
    case "all": return .weights
    case "clex": return .frequencies
    default:
      guard var adapter = try? AdapterSettings(part) else {
        throw UsageError(
          "the part '\(part.printable)' is not known",
          hint: "\(setting: "train") is all, clex, or an adapter such as lora:8")
      }
      adapter.targets = targets
      return .adapters(adapter)
    }
  }

  var request: CLEXFitPlan.Request {
    var request = CLEXFitPlan.Request()
    request.maximumFactor = maximumFactor
    request.parameterFactor = parameterFactor
    request.activation = activation
    request.step = solverStep
    return request
  }

  /// The rate of the default recipe.
  private var defaultRate: Double { part.lowercased().hasPrefix("lora") ? 1e-3 : 1e-4 }

  /// Returns the recipe of a training: that of a file with the settings in place of its values, or the default.
  ///
  /// The default is AdamW with (β₁, β₂) = (0.9, 0.95) and weight decay 0.1 on matrices, 8 windows a step, 3 % warm-up, a
  /// cosine to 5 %, and gradients with a norm up to 1.
  func recipe(_ stored: TrainingRecipe?, trainedLength: Int?) throws -> TrainingRecipe {
    for (name, value) in [
      ("rate", rate), ("projection-rate", projectionRate), ("projection-clip", projectionClip),
    ] {
      if let value, !(value > 0 && value.isFinite) {
        throw UsageError("\(setting: name) is \(value), expected a number above 0")
      }
    }
    if let steps, steps < 1 || steps > 1 << 40 {
      throw UsageError("\(setting: "steps") is \(steps), expected 1 or more")
    }
    guard var recipe = stored ?? steps.map(defaultRecipe) else {
      throw UsageError(
        "the length of the training is missing",
        hint: "set \(setting: "steps"), or name a \(setting: "recipe")")
    }
    if let steps { recipe.length = .steps(steps) }
    if let rate { recipe.rate.peak = rate }
    if let window = window ?? (stored == nil ? trainedLength : nil) { recipe.window = window }
    if window != nil { recipe.statedDataKeys.insert("window") }
    return recipe
  }

  private func defaultRecipe(_ steps: Int) -> TrainingRecipe {
    var recipe = TrainingRecipe(.steps(steps))
    recipe.batch = 8
    recipe.optimizer = Adam(betas: (0.9, 0.95), isDecoupled: true)
    recipe.rate = LearningRate(peak: defaultRate)
    recipe.rate.schedule = .cosine
    recipe.rate.warmup = steps * 3 / 100
    recipe.rate.finalShare = 0.05
    recipe.weightDecay = 0.1
    recipe.decayed = .matrices
    recipe.clip = 1
    recipe.saveInterval = 100
    return recipe
  }

  /// The settings that shape the result, for the run folder.
  var command: JSONValue {
    func number(_ value: Double?) -> JSONValue { value.map { JSONValue($0) } ?? .null }
    func count(_ value: Int?) -> JSONValue { value.map { JSONValue($0) } ?? .null }
    return .object([
      "max_factor": count(maximumFactor), "train": .string(part), "steps": count(steps),
      "param_factor": number(parameterFactor),
      "act": activation.map { .string($0.rawValue) } ?? .null, "time_dt": number(solverStep),
      "window": count(window), "rate": number(rate), "projection_rate": number(projectionRate),
      "projection_clip": number(projectionClip),
    ])
  }
}
