import Base
package import CacheCompression
import Checkpoints

/// The settings for how a cache is packed.
package struct CachePackSettings: Codable, Sendable {
  package var method = GearSettings.Method.gear
  package var bits = 4
  /// The number of tokens in a key channel, or entries in a value token, that share a scale; 64 if nil.
  package var group: Int?
  /// The rank of each head's product; if nil, 4 or the largest rank that the cache allows.
  package var rank: Int?
  /// The share of entries that are stored exactly, such as `2%`.
  package var outliers: String?
  /// The number of rounds of the power iteration; 3 if nil.
  package var rounds: Int?
  /// True if the best products are computed from eigenvectors instead of power iteration.
  package var isNearest = false
  /// The start matrices of the iteration, as FILE or FILE:TENSOR.
  package var start: String?
  /// True if counts, rounding and order follow the authors' simulation.
  package var isOfficial = false

  package init() {}
}

extension GearSettings.Method: Codable {}

extension CachePackSettings {
  /// Returns the checked settings of the compression.
  /// - Throws: All errors in the settings.
  func gear() throws -> GearSettings {
    var errors: [any UserError] = []
    func fault(_ message: Message, hint: Message? = nil) {
      errors.append(UsageError(message, hint: hint))
    }
    var settings = GearSettings()
    settings.bits = bits
    if ![2, 3, 4, 8].contains(bits) {
      fault("\(setting: "bits") is \(bits), expected 2, 3, 4 or 8")
    }
    if let group {
      if !method.hasGroups {
        fault(
          "\(setting: "group") does not apply to \(setting: "method") \(method.rawValue), which has no groups"
        )
      }
      if !(1...1 << 20 ~= group) {
        fault("\(setting: "group") is \(group), expected 1 to \(1 << 20)")
      }
    }
    settings.keyGroup = method.hasGroups ? group ?? 64 : nil
    settings.valueGroup = settings.keyGroup
    for (name, isGiven) in [
      ("rank", rank != nil), ("rounds", rounds != nil), ("svd", isNearest),
      ("start", start != nil),
    ] where isGiven && !method.hasProduct {
      fault(
        "\(setting: name) does not apply to \(setting: "method") \(method.rawValue), which has no products"
      )
    }
    if method.hasProduct {
      settings.rank = rank ?? 4
      if !(0...1024 ~= settings.rank) {
        fault("\(setting: "rank") is \(settings.rank), expected 0 to 1024")
      }
      settings.roundCount = rounds ?? 3
      if !(1...100 ~= settings.roundCount) {
        fault("\(setting: "rounds") is \(settings.roundCount), expected 1 to 100")
      }
      settings.isNearest = isNearest
      if isNearest, rounds != nil {
        fault("\(setting: "rounds") cannot be used with \(setting: "svd")")
      }
    }
    setOutliers(of: &settings, &errors)
    settings.isOfficial = isOfficial
    try SeveralErrors.throwIfAny(errors)
    return settings
  }

  private func setOutliers(of settings: inout GearSettings, _ errors: inout [any UserError]) {
    guard method.hasOutliers else {
      if outliers != nil {
        errors.append(
          UsageError(
            "\(setting: "outliers") does not apply to \(setting: "method") \(method.rawValue), which has no outliers"
          ))
      }
      return
    }
    let text = outliers ?? "2%"
    guard let share = Self.share(text), share >= 0, share <= 0.5 else {
      errors.append(
        UsageError(
          "\(setting: "outliers") \(text.printable) is not a valid share",
          hint: "use a share from 0 to 50%, such as 2% or 0.02"))
      return
    }
    settings.outlierShare = share
  }

  private static func share(_ text: String) -> Double? {
    text.hasSuffix("%") ? Double(text.dropLast()).map { $0 / 100 } : Double(text)
  }

  /// Reads the start matrices, if any are given.
  func startMatrices(_ context: OperationContext) throws -> CacheStart? {
    guard let start else { return nil }
    let place = try TensorPath(start)
    return try CacheStart(context.read(place.path), name: place.name)
  }
}
