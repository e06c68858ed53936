import Base
package import Checkpoints
package import TensorCore

/// The roles of the tensors of a checkpoint: their rows, and which of them a general option applies to.
package struct TensorRoles: Sendable {
  private let roles: [UTF8Key: TensorRole]

  /// - Complexity: O(*n*) for *n* tensors; no values of tensors are read.
  package init(_ checkpoint: Checkpoint) {
    roles = Dictionary(
      zip(checkpoint.tensors.map { UTF8Key($0.name) }, TensorRole.roles(of: checkpoint)),
      uniquingKeysWith: { first, _ in first })
  }

  package subscript(name: String) -> TensorRole { roles[UTF8Key(name)] ?? .unknown }

  /// Returns the rows of a tensor.
  package func rows(of info: TensorInfo) -> RowGeometry {
    RowGeometry(self[info.name], info.shape)
  }

  /// Returns why a general option does not apply to a tensor; nil if it applies.
  package func exemption(of info: TensorInfo) -> TensorRole.Exemption? {
    self[info.name].exemption(info)
  }
}

/// The values of a checkpoint that an option does not apply to, with the reasons.
package struct OutOfScope: Sendable, Equatable {
  /// The reason why a tensor is out of scope.
  package enum Reason: Hashable, Sendable {
    case exempt(TensorRole.Exemption)
    /// The selection leaves it out.
    case notSelected
    /// A type does not fit its dtype or shape.
    case unfit
  }

  /// The number of values for each reason.
  package private(set) var valueCounts: [Reason: Int] = [:]
  /// The number of values of the checkpoint, each counted once.
  package private(set) var total = 0

  package init() {}

  /// Counts a tensor.
  /// - Parameter reason: The reason why it is out of scope; nil if it is in scope.
  package mutating func add(_ info: TensorInfo, _ reason: Reason?) {
    total += info.elementCount
    if let reason { valueCounts[reason, default: 0] += info.elementCount }
  }

  /// The number of values out of scope.
  package var valueCount: Int { valueCounts.values.reduce(0, +) }

  /// The share of the values out of scope, such as `0.31 % of the values (norms 0.20 %, biases 0.11 %)`; nil if all
  /// are in scope.
  package var summary: String? {
    guard valueCount > 0 else { return nil }
    let parts = valueCounts.filter { $0.value > 0 }.sorted {
      ($1.value, $0.key.name) < ($0.value, $1.key.name)
    }
    let list = parts.map { "\($0.key.name) \(percent($0.value))" }.joined(separator: ", ")
    return "\(percent(valueCount)) of the values (\(list))"
  }

  private func percent(_ count: Int) -> String {
    let share = 100 * Double(count) / Double(max(1, total))
    return share < 0.01 ? "below 0.01 %" : "\(share.fixed(decimals: 2)) %"
  }

  /// The reasons with their numbers of values, in the order of names.
  package var counts: [(name: String, valueCount: Int)] {
    valueCounts.map { ($0.key.name, $0.value) }.sorted { $0.0 < $1.0 }
  }
}

extension OutOfScope.Reason {
  /// A short plural name.
  var name: String {
    switch self {
    case .exempt(.norm): "norms"
    case .exempt(.bias): "biases"
    case .exempt(.elementwise): "elementwise parameters"
    case .exempt(.buffer): "buffers"
    case .exempt(.quantized): "parts of stored quantizations"
    case .exempt(.vector): "vectors"
    case .exempt(.notFloat): "not floats"
    case .notSelected: "not selected"
    case .unfit: "dtypes or shapes that do not fit"
    }
  }
}
