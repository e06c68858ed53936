import Base
import Merging

extension MergeSettings {
  /// The settings of parameters with the values that they were given.
  private var parameters: [(name: String, values: [Double])] {
    [
      ("weight", weights.map(\.number)), ("density", densities.map(\.number)),
      ("gamma", gammas.map(\.number)), ("epsilon", epsilons.map(\.number)),
      ("scale", scales.map(\.number)), ("t", [t].compactMap(\.self)),
      ("lambda", [lambda].compactMap(\.self)),
      ("normalize", normalizes == nil ? [] : [1]), ("rescale", rescales == nil ? [] : [1]),
    ]
  }

  /// The errors in the settings of a merge without a recipe, which name settings as such: parameters that the method
  /// does not have, parameters that it needs, and shares that are none.
  var parameterErrors: [any UserError] {
    guard recipe == nil, let name = method, let method = MergeMethods[name] else { return [] }
    let known = method.parameters.map(\.name)
    let given = parameters.filter { !$0.values.isEmpty }
    var errors: [any UserError] = given.filter { !known.contains($0.name) }.map { parameter in
      UsageError(
        "\(setting: parameter.name) does not apply to \(setting: "method", name)",
        hint: Message("its parameters are ")
          + Message(settings: parameters.map(\.name).filter(known.contains)))
    }
    // The weight has a default of 1 on the command line.
    for parameter in method.parameters
    where parameter.defaultValue == .required && parameter.name != "weight" {
      guard !given.contains(where: { $0.name == parameter.name }) else { continue }
      errors.append(
        UsageError("\(setting: "method", name) needs \(setting: parameter.name)"))
    }
    for parameter in given where ["density", "gamma"].contains(parameter.name) {
      for value in parameter.values where !(0...1).contains(value) {
        errors.append(
          UsageError(
            "\(setting: parameter.name) is \(value), expected a share from 0 to 1 or 0% to 100%",
            hint: ShareHint.hint(for: value)))
      }
    }
    return errors
  }
}

/// The hint for a share that was probably meant in percent.
enum ShareHint {
  /// Returns the question whether `value` is a percentage, or nil if it cannot be one.
  static func hint(for value: Double) -> Message? {
    guard value > 1, value <= 100 else { return nil }
    let text = value == value.rounded() ? value.fixed(decimals: 0) : "\(value)"
    return "did you mean \(text)%?"
  }
}
