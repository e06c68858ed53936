package import Base
import TensorCore

/// The CLEX parameters of a configuration. Missing parameters have the defaults of the official code.
package struct CLEXParameters: Sendable, Equatable {
  package enum Activation: String, CaseIterable, Codable, Sendable {
    case silu, tanh
  }

  /// The largest supported multiple of the trained length.
  package var maximumFactor: Int
  /// The width of the hidden layer as a multiple of the number of rotated dimensions.
  package var parameterFactor: Double
  package var activation: Activation
  /// The step of the solver, in units of its time.
  package var step: Double

  package static let factorLimit = 1 << 16

  package init(
    maximumFactor: Int, parameterFactor: Double = 1, activation: Activation, step: Double
  ) {
    self.maximumFactor = maximumFactor
    self.parameterFactor = parameterFactor
    self.activation = activation
    self.step = step
  }

  /// The parameters under their keys in `config.json`.
  package var values: JSONObject {
    [
      "max_factor": JSONValue(maximumFactor), "param_factor": JSONValue(parameterFactor),
      "act": .string(activation.rawValue), "time_dt": JSONValue(step), "factor": JSONValue(1),
    ]
  }

  /// - Throws: a fault that names the key of an invalid parameter.
  package init(_ settings: RopeSettings) throws(RopeFault) {
    guard let maximum = settings.number("max_factor"), maximum >= 1,
      maximum <= Double(Self.factorLimit)
    else { throw RopeFault("max_factor is not a number from 1 to \(Self.factorLimit)") }
    maximumFactor = Int(maximum)  // fits: at most 2^16
    parameterFactor = settings.number("param_factor") ?? 1
    guard parameterFactor > 0, parameterFactor <= 1024 else {
      throw RopeFault(
        "param_factor is \(parameterFactor), expected a number above 0 and up to 1024")
    }
    if let name = settings.values["act"]?.asString {
      guard let known = Activation(rawValue: name) else {
        throw RopeFault("act is '\(name.printable)', expected silu or tanh")
      }
      activation = known
    } else {
      activation = .silu
    }
    step = settings.number("time_dt") ?? 0.01
    guard step >= 1e-5, step <= 1 else {
      throw RopeFault("time_dt is \(step), expected a number from 0.00001 to 1")
    }
  }

  /// The number of points of the solver's grid.
  private var pointCount: Int {
    Int(exactly: ((Double(maximumFactor) - 1) / step + 1).rounded(.up)) ?? Int.max
  }

  /// The largest number of products that solving the equation may need, about a second of work.
  static let workLimit = 0x1p29

  /// The width of the projections for a number of frequencies.
  package func width(frequencyCount: Int) -> Int {
    Int(exactly: (parameterFactor * Double(2 * frequencyCount)).rounded(.down)) ?? 0
  }

  /// Checks that the equation can be solved in a bounded time.
  /// - Parameter parameterCount: the number of values in both projections.
  package func check(parameterCount: Int, frequencyCount: Int) throws(RopeFault) {
    let work = Double(pointCount) * Double(max(parameterCount, 8 * frequencyCount))
    guard work <= Self.workLimit else {
      throw RopeFault(
        "max_factor \(maximumFactor) with time_dt \(step) needs \(pointCount) steps for "
          + "\(frequencyCount) frequencies, more than the limit",
        hint: "models tuned with CLEX have a max_factor up to 64 and a time_dt of 0.01")
    }
  }
}
