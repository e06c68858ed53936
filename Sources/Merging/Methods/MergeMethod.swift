import Base

/// A merge method: the models and parameters that it needs, and the computation that merges their tensors.
///
/// Source: all methods use the formulas and guards of mergekit 0.1.5.
package protocol MergeMethod: Sendable {
  /// The name of the method in recipes.
  static var name: String { get }
  /// A short description of the method for lists, without a period.
  static var summary: String { get }
  /// The method in a few sentences: what it computes, what it loses, and its source.
  static var explanation: String { get }
  /// True if the tensors of the base have a role of their own.
  static var needsBase: Bool { get }
  /// The allowed numbers of models, without the base if it has a role.
  static var modelCounts: ClosedRange<Int> { get }
  static var parameters: [MergeParameter] { get }
  /// Returns the combination of a tensor for the values of its parameters.
  ///
  /// - Throws: `MergeFault` if a parameter has a wrong value.
  static func combination(_ values: MethodValues) throws(MergeFault) -> Combination
}

/// A parameter of a method.
package struct MergeParameter: Sendable {
  /// The value of a parameter that is not given.
  package enum Default: Sendable, Equatable {
    case number(Double)
    case bool(Bool)
    /// The parameter must be given.
    case required
    /// The parameter has no effect unless it is given.
    case optional
  }

  package var name: String
  /// True if each model has its own value.
  package var isPerModel: Bool
  package var defaultValue: Default

  /// Returns a parameter that each model has its own value of.
  static func each(_ name: String, _ defaultValue: Default) -> MergeParameter {
    MergeParameter(name: name, isPerModel: true, defaultValue: defaultValue)
  }

  /// Returns a parameter with one value for all models.
  static func shared(_ name: String, _ defaultValue: Default) -> MergeParameter {
    MergeParameter(name: name, isPerModel: false, defaultValue: defaultValue)
  }
}

/// The parameter values of one tensor.
package struct MethodValues {
  /// The number of models, without the base if it has a role.
  var modelCount: Int
  /// The values of per-model parameters, by model and name, if they are given.
  var own: [[String: MergeParameters.Value]]
  /// The values of shared parameters by name, if they are given.
  var shared: [String: MergeParameters.Value]

  /// Returns a per-model parameter, or the default if it is not given.
  func number(_ name: String, of model: Int, default defaultValue: Double) -> Double {
    own[model][name]?.asNumber ?? defaultValue
  }

  /// Returns a shared parameter, or the default if it is not given.
  func number(_ name: String, default defaultValue: Double) -> Double {
    shared[name]?.asNumber ?? defaultValue
  }

  /// Returns a shared Boolean parameter, or the default if it is not given.
  func flag(_ name: String, default defaultValue: Bool) -> Bool {
    shared[name]?.asBool ?? defaultValue
  }
}

/// An error in the parameters of a tensor.
package struct MergeFault: Error, Equatable {
  var reason: Message
  var hint: Message?

  init(_ reason: Message, hint: Message? = nil) {
    self.reason = reason
    self.hint = hint
  }
}

/// The registry of merge methods.
package enum MergeMethods {
  package static let all: [any MergeMethod.Type] = [
    Linear.self, Slerp.self, TaskArithmetic.self, Ties.self, DareLinear.self, DareTies.self,
    Breadcrumbs.self, BreadcrumbsTies.self, Della.self, DellaLinear.self, Passthrough.self,
    AdaMerging.self,
  ]

  package static var names: [String] { all.map { $0.name } }

  package static subscript(name: String) -> (any MergeMethod.Type)? {
    all.first { $0.name == name }
  }
}
