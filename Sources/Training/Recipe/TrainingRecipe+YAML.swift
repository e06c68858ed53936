import Base
import Examples
import Networks
package import Recipes

extension TrainingRecipe {
  private static let keys = [
    "epochs", "steps", "batch", "optimizer", "schedule", "clip", "seed", "save_every", "keep",
    "input", "window",
  ]
  private static let optimizerKeys = [
    "name", "rate", "momentum", "nesterov", "betas", "epsilon", "weight_decay", "decay",
  ]
  private static let scheduleKeys = ["name", "by", "warmup", "final", "every", "factor"]

  /// Reads the recipe of a file.
  /// - Throws: All faults together, each with its line: unknown keys, values out of range, keys that do not go together.
  package init(_ value: RecipeValue, path: String) throws {
    var fields = RecipeFields(value, "the recipe", keys: Self.keys, path: path)
    self.init(.epochs(1))
    statedDataKeys = Set(["input", "window"].filter { fields[$0] != nil })
    readLength(&fields)
    batch = fields.count("batch") ?? batch
    window = fields.count("window") ?? window
    clip = fields.number("clip", "a number above 0") { $0 > 0 }
    seed = UInt64(fields.count("seed", from: 0) ?? 0)
    saveInterval = fields.count("save_every")
    kept = fields.choice("keep", of: Kept.allCases.map(\.rawValue)).flatMap(Kept.init) ?? kept
    if var own = fields.fields("optimizer", keys: Self.optimizerKeys) {
      readOptimizer(&own)
      fields.add(own)
    } else {
      fields.report(fields.line, "the key optimizer is missing")
    }
    if var own = fields.fields("schedule", keys: Self.scheduleKeys) {
      readSchedule(&own)
      fields.add(own)
    }
    if var own = fields.fields("input", keys: ["divide_by", "mean", "deviation"]) {
      input.divisor = own.number("divide_by", "a number above 0") { $0 > 0 } ?? 1
      input.mean = own.numbers("mean", "a number for each channel") { _ in true } ?? []
      input.deviation =
        own.numbers("deviation", "a number above 0 for each channel") { $0 > 0 } ?? []
      fields.add(own)
    }
    try SeveralErrors.throwIfAny(fields.faults)
  }

  private mutating func readLength(_ fields: inout RecipeFields) {
    switch (fields["epochs"], fields["steps"]) {
    // A product with the steps of an epoch does not overflow.
    case (.some, nil): length = .epochs(fields.count("epochs", to: 1 << 24) ?? 1)
    case (nil, .some): length = .steps(fields.count("steps") ?? 1)
    case (.some(let value), .some):
      fields.report(value.line, "epochs and steps cannot be used together")
    case (nil, nil):
      fields.report(fields.line, "the length is missing, expected the key epochs or the key steps")
    }
  }

  private mutating func readOptimizer(_ fields: inout RecipeFields) {
    let names = [SGD.name, Adam.name, Adam.decoupledName]
    let name = fields.choice("name", of: names)
    if fields["name"] == nil {
      fields.report(fields.line, "the name of the optimizer is missing")
    }
    if let peak = fields.number("rate", "a number above 0", where: { $0 > 0 }) {
      rate.peak = peak
    } else if fields["rate"] == nil {
      fields.report(fields.line, "the rate of the optimizer is missing")
    }
    weightDecay = fields.number("weight_decay", "a number from 0 on") { $0 >= 0 } ?? 0
    decayed =
      fields.choice("decay", of: Decayed.allCases.map(\.rawValue)).flatMap(Decayed.init) ?? decayed
    let isSGD = name == SGD.name
    for key in isSGD ? ["betas", "epsilon"] : ["momentum", "nesterov"] {
      if let value = fields[key], name != nil {
        fields.report(value.line, "\(key) does not apply to \(name ?? "")")
      }
    }
    guard !isSGD else {
      let momentum = fields.number("momentum", "0 to below 1") { (0..<1).contains($0) } ?? 0
      let isNesterov = fields.flag("nesterov") ?? false
      if isNesterov, momentum == 0 {
        fields.report(fields.line, "nesterov needs a momentum above 0")
      }
      optimizer = SGD(momentum: momentum, isNesterov: isNesterov)
      return
    }
    let betas =
      fields.numbers("betas", count: 2, "two numbers from 0 to below 1") { (0..<1).contains($0) }
      ?? [0.9, 0.999]
    optimizer = Adam(
      betas: (betas[0], betas[1]),
      epsilon: fields.number("epsilon", "a number above 0") { $0 > 0 } ?? 1e-8,
      isDecoupled: name == Adam.decoupledName)
  }

  private mutating func readSchedule(_ fields: inout RecipeFields) {
    let name = fields.choice("name", of: ["constant", "linear", "cosine", "step"])
    rate.unit =
      fields.choice("by", of: LearningRate.Unit.allCases.map(\.rawValue))
      .flatMap(LearningRate.Unit.init) ?? .step
    rate.warmup = fields.count("warmup", from: 0) ?? 0
    rate.finalShare = fields.number("final", "a share from 0 to 1") { (0...1).contains($0) } ?? 0
    let every = fields.count("every")
    let factor = fields.number("factor", "a number above 0 and up to 1") { $0 > 0 && $0 <= 1 }
    switch name {
    case "linear": rate.schedule = .linear
    case "cosine": rate.schedule = .cosine
    case "step":
      if fields["every"] == nil { fields.report(fields.line, "schedule step needs the key every") }
      rate.schedule = .step(every: every ?? 1, factor: factor ?? 0.1)
    default: rate.schedule = .constant
    }
    for key in ["every", "factor"] where name != "step" {
      if let value = fields[key] { fields.report(value.line, "\(key) needs the schedule step") }
    }
    if let value = fields["final"], name != "linear", name != "cosine" {
      fields.report(value.line, "final needs the schedule linear or cosine")
    }
  }
}
