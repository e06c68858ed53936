/// A tensor of a layer: the keys, which are quantized per channel, or the values, which are quantized per token.
package enum CachePart: String, Sendable, CaseIterable {
  case key, value
}

/// The settings of cache packing: quantized values, outliers that stay exact, and a low-rank product for each head.
///
/// Source: Kang et al., "GEAR", 2024; groups as in KIVI (Liu et al., 2024) or of whole channels and
/// tokens (KCVT).
package struct GearSettings: Sendable, Equatable {
  /// The number of bits of a code, 1 to 8.
  package var bits = 4
  /// The number of consecutive tokens that share a scale in each channel of the keys; nil for all tokens.
  package var keyGroup: Int? = 64
  /// The number of consecutive entries of a token that share a scale in the values; nil for all entries.
  package var valueGroup: Int? = 64
  /// The share of entries that stay exact, from 0 to 1.
  ///
  /// Half of them are the smallest and half the largest entries of each channel of the keys, or of each token of
  /// the values.
  package var outlierShare = 0.0
  /// The rank of the product for each head; 0 for none.
  package var rank = 0
  /// The number of rounds of the power iteration.
  package var roundCount = 3
  /// True if the product is the nearest one, computed from eigenvectors instead of power iteration.
  package var isNearest = false
  /// True to count outliers, round values and order terms as the simulation of the GEAR authors does.
  package var isOfficial = false

  package init() {}

  /// A named method, which determines the groups, outliers and products of the settings.
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
