package import BLAS
import Base

/// The law that is fitted to losses.
package enum LawKind: String, Codable, Sendable, CaseIterable {
  /// L = E + A · N^(−α).
  case power
  /// L = A · N^(−α).
  case powerWithoutFloor = "power-without-floor"
  /// L = E + A · N^(−α) + B · D^(−β).
  case chinchilla
}

/// A fitted law.
package enum FittedLaw: Sendable, Equatable {
  case power(PowerLaw)
  case chinchilla(ChinchillaLaw)
}

/// A model that was trained on repeated data, as the size of a model of the family without repeats that has its loss.
package struct EffectiveSize: Sendable, Equatable {
  package let size: Double
  /// How often the repeated part was seen; nil if it is not known.
  package let repeats: Double?
  package let loss: Double
  /// The loss of the law for the size.
  package let expectedLoss: Double
  /// ((L − E) / A)^(−1 / α); nil if no size has the loss.
  package let effective: Double?

  package init(size: Double, repeats: Double?, loss: Double, _ law: PowerLaw) {
    self.size = size
    self.repeats = repeats
    self.loss = loss
    expectedLoss = law.loss(ofSize: size)
    effective = law.size(ofLoss: loss)
  }

  package var ratio: Double? { effective.map { $0 / size } }
}

/// Everything that a table of losses shows: a law, effective sizes, and humps.
package struct LossCurves: Sendable {
  /// The losses of models of one size over repeats or steps.
  package struct Curve: Sendable {
    /// Nil if the table has no sizes.
    package let size: Double?
    package let search: HumpSearch
  }

  package private(set) var law: FittedLaw?
  /// The number of rows that the law was fitted to, and their largest relative error.
  package private(set) var rowCount = 0
  package private(set) var largestError = 0.0
  package private(set) var effectiveSizes: [EffectiveSize] = []
  package private(set) var curves: [Curve] = []

  /// The settings of an analysis.
  package struct Settings: Codable, Sendable, Equatable {
    /// The law; chosen by the columns if nil.
    package var law: LawKind?
    /// The names of columns; found by their usual names if nil.
    package var loss: String?
    package var size: String?
    package var tokens: String?
    package var x: String?
    /// The number of losses that are averaged before a hump is searched; chosen by their number if nil.
    package var window: Int?
    package var leastProminence = 0.02
    /// Sizes and losses whose effective sizes are computed.
    package var cases: [[Double]] = []

    package init() {}
  }

  /// - Throws: ``UsageError`` if the table has no losses, or too few points for the law.
  package init(
    _ table: LossTable, _ settings: Settings, blas: () throws -> BLAS
  ) throws {
    let columns = try Columns(table, settings)
    try fit(columns, settings, table, blas)
    if case .power(let law) = law {
      for index in columns.repeated {
        effectiveSizes.append(
          EffectiveSize(
            size: columns.sizes![index], repeats: columns.x![index], loss: columns.losses[index],
            law))
      }
      for pair in settings.cases {
        effectiveSizes.append(EffectiveSize(size: pair[0], repeats: nil, loss: pair[1], law))
      }
    } else if !settings.cases.isEmpty {
      throw UsageError(
        "effective sizes need a power law of the models without repeats",
        hint: "give a table of sizes and losses")
    }
    guard let x = columns.x else { return }
    for (size, rows) in columns.groups {
      // Runs with the same repeats, such as those of several seeds, count as their mean.
      let places = Dictionary(grouping: rows) { x[$0] }
      let ordered = places.keys.sorted()
      let losses = ordered.map { place in
        let rows = places[place] ?? []
        return rows.reduce(0) { $0 + columns.losses[$1] } / Double(rows.count)
      }
      curves.append(
        Curve(
          size: size,
          search: HumpSearch(
            x: ordered, losses: losses, window: settings.window,
            leastProminence: settings.leastProminence)))
    }
  }

  private mutating func fit(
    _ columns: Columns, _ settings: Settings, _ table: LossTable, _ blas: () throws -> BLAS
  ) throws {
    guard let sizes = columns.sizes else {
      guard settings.law == nil else {
        throw UsageError(
          "\(table.path.printable) has no column of sizes, which a law needs",
          hint: "name one with \(setting: "size")")
      }
      return
    }
    let rows = columns.unrepeated
    let count = Set(rows.map { sizes[$0] }).count
    let tokens = columns.tokens.map { tokens in rows.map { tokens[$0] } }
    let fitsTokens = Set(tokens ?? []).count > 1 && count > 1 && rows.count > 4
    guard
      let kind = settings.law
        ?? (fitsTokens ? .chinchilla : count > 2 ? .power : count > 1 ? .powerWithoutFloor : nil)
    else { return }
    let (family, losses) = (rows.map { sizes[$0] }, rows.map { columns.losses[$0] })
    let least = kind == .power ? 3 : 2
    guard count >= least, kind != .chinchilla || fitsTokens else {
      throw UsageError(
        "\(table.path.printable) has \(rows.count.counted("row")) with \(count.counted("size")) "
          + "without repeats, too few for the law \(kind.rawValue)",
        hint: "give more sizes, or choose another law with \(setting: "law")")
    }
    let predicted: [Double]
    switch kind {
    case .power, .powerWithoutFloor:
      let law =
        kind == .power
        ? PowerLaw.fitted(sizes: family, losses: losses)
        : PowerLaw.withoutFloor(sizes: family, losses: losses)
      self.law = .power(law)
      predicted = family.map { law.loss(ofSize: $0) }
    case .chinchilla:
      let points = zip(zip(family, tokens ?? []), losses).map {
        ChinchillaLaw.Point(size: $0.0, tokens: $0.1, loss: $1)
      }
      let law = try ChinchillaLaw.fitted(points, by: blas())
      self.law = .chinchilla(law)
      predicted = points.map { law.loss(ofSize: $0.size, tokens: $0.tokens) }
    }
    rowCount = rows.count
    largestError = zip(predicted, losses).map { ($0 - $1).magnitude / $1 }.max() ?? 0
  }
}

/// The columns of a table that an analysis uses.
private struct Columns {
  let losses: [Double]
  let sizes: [Double]?
  let tokens: [Double]?
  let x: [Double]?
  /// True if `x` counts repeats, so that rows with at most one are the family without repeats.
  private let countsRepeats: Bool

  private static let repeatNames = ["repeats"]

  init(_ table: LossTable, _ settings: LossCurves.Settings) throws(UsageError) {
    func column(_ name: String?, _ usual: [String]) throws(UsageError) -> [Double]? {
      guard let name else { return table.column(usual) }
      guard let found = table.column([name]) else {
        throw UsageError(
          "\(table.path.printable) has no column '\(name.printable)' of numbers",
          hint: "it has \(table.names.map(\.printable).joined(separator: ", "))")
      }
      return found
    }
    guard let losses = try column(settings.loss, ["test_loss", "loss", "l"]) else {
      throw UsageError(
        "\(table.path.printable) has no column of losses",
        hint: "name one with \(setting: "loss")")
    }
    self.losses = losses
    sizes = try column(settings.size, ["parameters", "size", "n"])
    tokens = try column(settings.tokens, ["tokens", "d"])
    x = try column(settings.x, Self.repeatNames + ["step", "steps", "epoch", "x"])
    countsRepeats =
      x != nil
      && (settings.x.map(Self.repeatNames.contains) ?? (table.column(Self.repeatNames) != nil))
    for values in [losses] + [sizes, tokens].compactMap(\.self) {
      guard let wrong = values.first(where: { $0 <= 0 }) else { continue }
      throw UsageError(
        "\(table.path.printable): a loss or size is \(wrong), expected numbers above 0")
    }
  }

  /// The rows of the family without repeats.
  var unrepeated: [Int] {
    losses.indices.filter { !countsRepeats || x![$0] <= 1 }
  }

  /// The rows of models that saw data repeatedly, if the table has their sizes.
  var repeated: [Int] {
    countsRepeats && sizes != nil ? losses.indices.filter { x![$0] > 1 } : []
  }

  /// The rows of each size in ascending order; all rows if the table has no sizes.
  var groups: [(size: Double?, rows: [Int])] {
    guard let sizes else { return [(nil, Array(losses.indices))] }
    return Dictionary(grouping: losses.indices) { sizes[$0] }.sorted { $0.key < $1.key }.map {
      ($0.key, $0.value)
    }
  }
}
