package import BLAS
package import Base

/// The results of an analysis of a table of losses: a law, effective sizes, and humps.
package struct LossCurves: Sendable {
  /// The losses of models of one size over repeats or steps.
  package struct Curve: Sendable {
    /// Nil if the table has no sizes.
    package let size: Double?
    /// Nil if the curve is over repeats, or the table has none.
    package let repeats: Double?
    package let search: HumpSearch
  }

  package private(set) var law: FittedLaw?
  /// The number of rows that the law was fitted to.
  package private(set) var rowCount = 0
  /// True if the table has steps, of which the law was fitted to the last of each size.
  package private(set) var fitsLastSteps = false
  /// The largest relative error of the law for these rows.
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
    /// The column over which humps are searched.
    package var x: String?
    /// The number of losses that are averaged before a hump is searched; chosen by their number if nil.
    package var window: Int?
    /// The least prominence of a hump, in nats; 0.02 for nil.
    package var leastProminence: Double?
    /// Pairs of a size and a loss whose effective sizes are computed.
    package var cases: [[Double]] = []

    package init() {}

    /// Returns the numbers of the text `SIZE:LOSS`, an element of ``cases``.
    /// - Throws: ``UsageError`` if the text is not two numbers.
    package static func sizeAndLoss(_ text: String) throws(UsageError) -> [Double] {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      let numbers = parts.compactMap { Double($0) }
      guard parts.count == 2, numbers.count == 2 else {
        throw UsageError(
          "\(setting: "effective") is '\(text.printable)', expected a size and a loss",
          hint: "for example: 8e8:2.17")
      }
      return numbers
    }
  }

  /// Analyses a table.
  /// - Parameter blas: Returns the library that fits a law with tokens. It is called for such a law only.
  /// - Throws: ``UsageError`` if the table has no losses, too few points for the law, or neither law nor curve;
  ///   ``FormatError`` for a cell that is not a number.
  package init(_ table: LossTable, _ settings: Settings, blas: () throws -> BLAS) throws {
    let columns = try LossColumns(table, settings)
    try fit(columns, settings, table, blas)
    try compare(columns, settings)
    search(columns, settings)
    try Self.checkEffects(settings, law, hasCurves: !curves.isEmpty)
    guard law != nil || !curves.isEmpty else {
      throw UsageError(
        "\(table.path.printable) has neither two sizes without repeats, which a law needs, nor a "
          + "column of repeats or steps, which a hump needs",
        hint: "name columns with \(setting: "size") and \(setting: "x"); it has "
          + table.names.map(\.printable).joined(separator: ", "))
    }
  }

  /// Computes effective sizes of the models with repeats, and of the cases of the settings.
  private mutating func compare(_ columns: LossColumns, _ settings: Settings) throws(UsageError) {
    if let law, let sizes = columns.sizes {
      effectiveSizes = columns.repeated.compactMap { row in
        EffectiveSize(
          size: sizes[row], tokens: columns.tokens?[row], repeats: columns.repeats?[row],
          loss: columns.losses[row], law)
      }
    }
    for pair in settings.cases {
      let found = law.flatMap {
        EffectiveSize(size: pair[0], tokens: nil, repeats: nil, loss: pair[1], $0)
      }
      guard let found else {
        throw UsageError(
          "effective sizes of given losses need a law of the sizes alone",
          hint: "give a table of sizes and losses, or choose \(setting: "law", "power")")
      }
      effectiveSizes.append(found)
    }
  }

  /// Searches each curve for humps. Rows with the same place, such as those of several seeds, count as their mean.
  private mutating func search(_ columns: LossColumns, _ settings: Settings) {
    guard let axis = columns.axis else { return }
    curves = columns.curves.map { curve in
      let places = Dictionary(grouping: curve.rows) { axis[$0] }.sorted { $0.key < $1.key }
      let losses = places.map { place in
        place.value.reduce(0) { $0 + columns.losses[$1] } / Double(place.value.count)
      }
      return Curve(
        size: curve.size, repeats: curve.repeats,
        search: HumpSearch(
          x: places.map(\.key), losses: losses, window: settings.window,
          leastProminence: settings.leastProminence ?? 0.02))
    }
  }

  /// Throws ``UsageError`` for a setting that has no effect on the results.
  private static func checkEffects(
    _ settings: Settings, _ law: FittedLaw?, hasCurves: Bool
  ) throws(UsageError) {
    if !hasCurves, settings.window != nil || settings.leastProminence != nil {
      let name = settings.window == nil ? "prominence" : "smooth"
      throw UsageError(
        "\(setting: name) has no effect, because there is no curve that could have a hump",
        hint: "name a column of repeats or steps with \(setting: "x")")
    }
    guard settings.tokens != nil else { return }
    switch law {
    case .chinchilla: return
    case .power, nil:
      throw UsageError(
        "\(setting: "tokens") has no effect without a law of sizes and tokens",
        hint: "such a law needs five rows without repeats, of two sizes and two numbers of tokens")
    }
  }

  /// Fits the law of the settings, or the one that the columns suffice for.
  private mutating func fit(
    _ columns: LossColumns, _ settings: Settings, _ table: LossTable, _ blas: () throws -> BLAS
  ) throws {
    guard let allSizes = columns.sizes else {
      guard settings.law == nil else {
        throw UsageError(
          "\(table.path.printable) has no column of sizes, which a law needs",
          hint: "name one with \(setting: "size")")
      }
      return
    }
    let rows = columns.unrepeated
    let (sizes, losses) = (rows.map { allSizes[$0] }, rows.map { columns.losses[$0] })
    let tokens = columns.tokens.map { tokens in rows.map { tokens[$0] } }
    let count = Set(sizes).count
    let fitsTokens = Set(tokens ?? []).count > 1 && count > 1 && rows.count > 4
    let chosen: LawKind? =
      fitsTokens ? .chinchilla : count > 2 ? .power : count > 1 ? .powerWithoutFloor : nil
    guard let kind = settings.law ?? chosen else { return }
    guard count >= (kind == .power ? 3 : 2), kind != .chinchilla || fitsTokens else {
      throw UsageError(
        "\(table.path.printable) has \(rows.count.counted("row")) with \(count.counted("size")) "
          + "without repeats"
          + (columns.steps == nil ? "" : " at the last step")
          + (tokens == nil && kind == .chinchilla ? " and no column of tokens" : "")
          + ", too few for the law \(kind.rawValue)",
        hint: "give more sizes, or choose another law with \(setting: "law")")
    }
    let predicted: [Double]
    switch kind {
    case .power, .powerWithoutFloor:
      let law =
        kind == .power
        ? PowerLaw.fitted(sizes: sizes, losses: losses)
        : PowerLaw.withoutFloor(sizes: sizes, losses: losses)
      let ends = [sizes.min() ?? 1, sizes.max() ?? 1].map { law.loss(ofSize: $0) }
      // Equal losses may differ by rounding.
      guard ends[1] <= ends[0] * (1 + 1e-9) else {
        guard settings.law != nil || columns.axis == nil else { return }
        throw UsageError(
          "the losses of \(table.path.printable) rise with the size, but those of a law fall",
          hint: "check the columns of sizes and losses")
      }
      self.law = .power(law)
      predicted = sizes.map { law.loss(ofSize: $0) }
    case .chinchilla:
      let points = zip(zip(sizes, tokens ?? []), losses).map {
        ChinchillaLaw.Point(size: $0.0, tokens: $0.1, loss: $1)
      }
      let law = try ChinchillaLaw.fitted(points, by: blas())
      self.law = .chinchilla(law)
      predicted = points.map { law.loss(ofSize: $0.size, tokens: $0.tokens) }
    }
    rowCount = rows.count
    fitsLastSteps = columns.steps != nil
    largestError = zip(predicted, losses).map { ($0 - $1).magnitude / $1 }.max() ?? 0
  }
}
