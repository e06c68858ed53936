import Base
import Merging

extension MergeSettings {
  /// The settings of parameters with the values that they were given.
  private var parameters: [(name: String, values: [Double])] {
    [
      ("weight", weights.map(\.number)), ("density", densities.map(\.number)),
      ("gamma", gammas.map(\.number)), ("epsilon", epsilons.map(\.number)),
      ("scale", scales.map(\.number)), ("t", [t].compactMap(\.self)),
      ("lambda", [lambda].compactMap(\.self)), ("ties", [ties].compactMap(\.self)),
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
    if name == AdaMerging.name { errors += coefficientErrors }
    return errors
  }

  /// The errors in what adamerging takes its coefficients from.
  private var coefficientErrors: [any UserError] {
    var errors: [any UserError] = []
    if let ties, !(ties > 0 && ties < 1) {
      errors.append(
        UsageError(
          "\(setting: "ties") is \(ties), expected a share above 0 and below 1, or 0% and 100%",
          hint: ShareHint.hint(for: ties)))
    }
    let sources = [coefficients != nil, !weights.isEmpty, learning != nil].count { $0 }
    if sources == 0 {
      errors.append(
        UsageError(
          "\(setting: "method", AdaMerging.name) has neither data nor coefficients",
          hint:
            "learn coefficients from \(setting: "data") NAME=FILE for each model, or give a table as \(setting: "coefficients") FILE"
        ))
    } else if sources > 1 {
      errors.append(
        UsageError(
          "coefficients are given more than once, by \(setting: "data"), \(setting: "coefficients") or \(setting: "weight")",
          hint: "give one of them"))
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
