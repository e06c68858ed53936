/// Which of a layer's two tensors: keys are quantized per channel, values per token.
package enum CachePart: String, Sendable, CaseIterable {
  case key, value
}

/// How a cache is packed: quantized values, outliers that stay exact, a product of low rank for each head.
///
/// Source: Kang et al., "GEAR", 2024; groups as in KIVI (Liu et al., 2024) or of whole channels and
/// tokens (KCVT).
package struct GearSettings: Sendable, Equatable {
  /// Of a code, 1 to 8.
  package var bits = 4
  /// Consecutive tokens that share a scale in each channel of the keys; nil for all of them.
  package var keyGroup: Int? = 64
  /// Consecutive entries of a token that share a scale in the values; nil for all of them.
  package var valueGroup: Int? = 64
  /// The share of entries that stay exact: half of them the least, half the greatest, of each channel of the
  /// keys and each token of the values.
  package var outlierShare = 0.0
  /// Of the product for each head; 0 for none.
  package var rank = 0
  /// Of the power iteration.
  package var roundCount = 3
  /// Whether the product is the nearest one, by eigenvectors.
  package var isNearest = false
  /// Whether to count, round and order as the authors' simulation does.
  package var isOfficial = false

  package init() {}

  /// The names of methods, each with what it sets.
  package enum Method: String, Sendable, CaseIterable {
    case gear
    case gearL = "gear-l"
    case kivi, kcvt
    case gearKCVT = "gear-kcvt"
    case gearLKCVT = "gear-l-kcvt"

    package var hasOutliers: Bool { self == .gear || self == .gearKCVT }
    package var hasProduct: Bool { self != .kivi && self != .kcvt }
    package var hasGroups: Bool { self == .gear || self == .gearL || self == .kivi }

    package var summary: String {
      switch self {
      case .gear: "groups, outliers and a product for each head"
      case .gearL: "groups and a product"
      case .kivi: "groups alone"
      case .kcvt: "a scale for each channel and token"
      case .gearKCVT: "as kcvt, with outliers and a product"
      case .gearLKCVT: "as kcvt, with a product"
      }
    }
  }
}
