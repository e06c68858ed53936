import Base
package import CacheCompression

/// How a cache is packed.
package struct CachePackSettings: Codable, Sendable {
  package var method = GearSettings.Method.gear
  package var bits = 4
  /// Tokens of a channel, and entries of a token, that share a scale; 64 if nil.
  package var group: Int?
  /// The rank of each head's product; 4, or what the cache allows, if nil.
  package var rank: Int?
  /// The share of entries that stay exact, such as `2%`.
  package var outliers: String?
  /// Rounds of the power iteration; 3 if nil.
  package var rounds: Int?
  /// Whether products are the nearest ones, by eigenvectors.
  package var isNearest = false
  /// Matrices that the iteration starts from, as FILE or FILE:TENSOR.
  package var start: String?
  /// Whether counts, rounds and orders are those of the authors' simulation.
  package var isOfficial = false

  package init() {}
}

extension GearSettings.Method: Codable {}

extension CachePackSettings {
  /// - Throws: everything that is wrong with the settings.
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
          "\(setting: "group") has no meaning for \(setting: "method") \(method.rawValue), whose groups are whole"
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
        "\(setting: name) has no meaning for \(setting: "method") \(method.rawValue), which has no product"
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
        fault("\(setting: "rounds") has no meaning with \(setting: "svd")")
      }
    }
    if method.hasOutliers {
      let text = outliers ?? "2%"
      if let share = Self.share(text), share >= 0, share <= 0.5 {
        settings.outlierShare = share
      } else {
        fault(
          "\(setting: "outliers") \(text.printable) is no share",
          hint: "up to half, such as 2% or 0.02")
      }
    } else if outliers != nil {
      fault(
        "\(setting: "outliers") has no meaning for \(setting: "method") \(method.rawValue), which has none"
      )
    }
    settings.isOfficial = isOfficial
    try SeveralErrors.throwIfAny(errors)
    return settings
  }

  private static func share(_ text: String) -> Double? {
    text.hasSuffix("%") ? Double(text.dropLast()).map { $0 / 100 } : Double(text)
  }

  /// The start matrices, if there are some.
  func startMatrices(_ context: OperationContext) throws -> CacheStart? {
    guard let start else { return nil }
    if FileSystem.targetType(start) == nil, let colon = start.lastIndex(of: ":") {
      return try CacheStart(
        context.read(String(start[..<colon])),
        name: String(start[start.index(after: colon)...]))
    }
    return try CacheStart(context.read(start), name: nil)
  }
}
