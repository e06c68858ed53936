import Base

/// A way to make one tensor of several: which models and parameters it takes, and what it computes.
///
/// Source of all methods here: mergekit 0.1.5, whose formulas and guards they keep.
package protocol MergeMethod: Sendable {
  /// As recipes name it.
  static var name: String { get }
  /// In half a sentence, for lists.
  static var summary: String { get }
  /// Whether the base's tensors take part in a role of their own.
  static var needsBase: Bool { get }
  /// How many models there may be, the base aside where it has a role.
  static var modelCounts: ClosedRange<Int> { get }
  static var parameters: [MergeParameter] { get }
  /// - Throws: what is wrong with the parameters, for the tensor that they are for.
  static func combination(_ values: MethodValues) throws(MergeFault) -> Combination
}

/// A parameter of a method.
package struct MergeParameter: Sendable {
  package enum Standard: Sendable, Equatable {
    case number(Double)
    case bool(Bool)
    /// One has to be given.
    case required
    /// It means something only where it is given.
    case optional
  }

  package var name: String
  /// Whether each model has its own.
  package var isPerModel: Bool
  package var standard: Standard

  static func each(_ name: String, _ standard: Standard) -> MergeParameter {
    MergeParameter(name: name, isPerModel: true, standard: standard)
  }

  static func shared(_ name: String, _ standard: Standard) -> MergeParameter {
    MergeParameter(name: name, isPerModel: false, standard: standard)
  }
}

/// What a method is told of one tensor.
package struct MethodValues {
  /// How many models take part, the base aside where it has a role.
  var modelCount: Int
  /// Values of parameters of each model, by name; nil where none is given.
  var own: [[String: MergeParameters.Value]]
  var shared: [String: MergeParameters.Value]

  func number(_ name: String, of model: Int, standard: Double) -> Double {
    own[model][name]?.asNumber ?? standard
  }

  func number(_ name: String, standard: Double) -> Double {
    shared[name]?.asNumber ?? standard
  }

  func flag(_ name: String, standard: Bool) -> Bool { shared[name]?.asBool ?? standard }
}

/// What is wrong with the parameters of a tensor.
package struct MergeFault: Error, Equatable {
  var reason: Message
  var hint: Message?

  init(_ reason: Message, hint: Message? = nil) {
    self.reason = reason
    self.hint = hint
  }
}

package enum MergeMethods {
  package static let all: [any MergeMethod.Type] = [
    Linear.self, Slerp.self, TaskArithmetic.self, Ties.self, DareLinear.self, DareTies.self,
    Breadcrumbs.self, BreadcrumbsTies.self, Della.self, DellaLinear.self, Passthrough.self,
  ]

  package static var names: [String] { all.map { $0.name } }

  package static subscript(name: String) -> (any MergeMethod.Type)? {
    all.first { $0.name == name }
  }
}
