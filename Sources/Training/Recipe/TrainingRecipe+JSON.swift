package import Base
import Examples
import Networks

extension TrainingRecipe {
  /// Returns the values that shape a training, under the keys of a recipe file. Values without effect are left out.
  /// - Parameter hasWindows: True if the data are windows of text, which have a length and no scaling.
  package func values(hasWindows: Bool) -> JSONObject {
    var values: JSONObject =
      switch length {
      case .epochs(let count): ["epochs": JSONValue(count)]
      case .steps(let count): ["steps": JSONValue(count)]
      }
    values["batch"] = JSONValue(batch)
    values["optimizer"] = .object(optimizerValues)
    values["schedule"] = .object(scheduleValues)
    if let clip { values["clip"] = JSONValue(clip) }
    values["seed"] = JSONValue(seed)
    if kept != .last { values["keep"] = .string(kept.rawValue) }
    if hasWindows {
      values["window"] = JSONValue(window)
    } else if input != InputScaling() {
      values["input"] = .object(inputValues)
    }
    return values
  }

  private var optimizerValues: JSONObject {
    var values = optimizer.settings
    values["rate"] = JSONValue(rate.peak)
    if weightDecay > 0 {
      values["weight_decay"] = JSONValue(weightDecay)
      values["decay"] = .string(decayed.rawValue)
    }
    return values
  }

  private var scheduleValues: JSONObject {
    var values: JSONObject = [:]
    switch rate.schedule {
    case .constant: values["name"] = "constant"
    case .linear, .cosine:
      values["name"] = rate.schedule == .linear ? "linear" : "cosine"
      values["final"] = JSONValue(rate.finalShare)
    case .step(let every, let factor):
      values["name"] = "step"
      values["every"] = JSONValue(every)
      values["factor"] = JSONValue(factor)
    }
    values["by"] = .string(rate.unit.rawValue)
    if rate.warmup > 0 { values["warmup"] = JSONValue(rate.warmup) }
    return values
  }

  private var inputValues: JSONObject {
    var values: JSONObject = ["divide_by": JSONValue(input.divisor)]
    for (name, numbers) in [("mean", input.mean), ("deviation", input.deviation)]
    where !numbers.isEmpty {
      values[name] = .array(numbers.map { JSONValue($0) })
    }
    return values
  }
}
