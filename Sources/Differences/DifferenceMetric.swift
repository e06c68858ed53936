/// The measure by which tensors are ordered and compared with a tolerance.
package enum DifferenceMetric: String, CaseIterable, Sendable, Codable {
  /// The largest |a − b|.
  case max
  /// The root mean square of a − b.
  case rmse
  /// 1 − cosine of the angle between a and b.
  case cosine
  /// 100 ‖a − b‖ / ‖a‖.
  case percent

  /// A description for people, such as `relative error in percent`.
  package var summary: String {
    switch self {
    case .max: "largest error of a value"
    case .rmse: "root mean square error"
    case .cosine: "1 - cosine"
    case .percent: "relative error in percent"
    }
  }

  /// Returns the metric of a tensor; infinite if it is not defined or not known, or if values are finite on one side only.
  package func value(_ measures: Measures) -> Double {
    guard !measures.hasNonfiniteChange else { return .infinity }
    let value: Double =
      switch self {
      case .max: measures.largestError
      case .rmse: measures.rootMeanSquare
      case .cosine: measures.cosineDistance ?? .infinity
      case .percent: measures.relativeError.map { 100 * $0 } ?? .infinity
      }
    // Measures that are read from a document may be NaN, which has no place in an order.
    return value.isNaN ? .infinity : value
  }
}
