import Base
import Checkpoints
import Reporting
import Surveys

extension Inspection {
  /// Returns the tables of `--stats`; the last row of each is for all float tensors together.
  func statisticsSections(_ model: TensorStatistics) -> [Section] {
    var all = rows.compactMap { row in
      row.statistics.map { (name: row.tensor.name.printable, statistics: $0) }
    }
    if all.count > 1 { all.append((name: "all float tensors", statistics: model)) }
    var sections: [Section] = [
      .table(Self.countTable(all)), .table(Self.valueTable(all)),
    ]
    let distributions = all.compactMap { name, statistics in
      statistics.distribution.map { (name: name, distribution: $0) }
    }
    if let exponents = distributions.first?.distribution.exponents {
      sections.append(.table(Self.shapeTable(distributions, exponents)))
      if let table = Self.patternTable(distributions) { sections.append(.table(table)) }
      sections.append(.table(Self.quantileTable(distributions)))
      if let table = Self.histogramTable(distributions) { sections.append(.table(table)) }
    }
    let neurons = rows.compactMap { row in
      row.neurons.map { (name: row.tensor.name.printable, neurons: $0) }
    }
    if !neurons.isEmpty { sections.append(.table(Self.neuronTable(neurons))) }
    return sections
  }

  private static func percent(_ share: Double?) -> String {
    share.map { "\(($0 * 100).fixed(decimals: 2)) %" } ?? "-"
  }

  private static func table(_ columns: [String], rows: [[String]]) -> Table {
    Table(
      columns.enumerated().map { Table.Column($1, alignsRight: $0 > 0) }, rows: rows)
  }

  private static func countTable(_ all: [(name: String, statistics: TensorStatistics)]) -> Table {
    table(
      ["tensor", "zeros", "share", "NaN", "+inf", "-inf", "L1", "L2"],
      rows: all.map { name, statistics in
        let moments = statistics.moments
        return [
          name, moments.zeros.grouped, percent(moments.zeroShare), moments.nans.grouped,
          moments.positiveInfinities.grouped, moments.negativeInfinities.grouped,
          moments.magnitudeSum.short, moments.euclideanNorm.short,
        ]
      })
  }

  private static func valueTable(_ all: [(name: String, statistics: TensorStatistics)]) -> Table {
    table(
      ["tensor", "min", "max", "mean", "deviation"],
      rows: all.map { name, statistics in
        let moments = statistics.moments
        let values = [
          moments.minimum, moments.maximum, moments.mean, moments.standardDeviation,
        ]
        return [name] + values.map { $0?.short ?? "-" }
      })
  }

  private typealias Named = (name: String, distribution: TensorStatistics.Distribution)

  private static func shapeTable(_ all: [Named], _ exponents: PQIndex) -> Table {
    table(
      [
        "tensor", "PQI \(exponents.p.plain),\(exponents.q.plain)", "Gini", "top 1 %", "outliers",
        ".sumac",
      ],
      rows: all.map { name, distribution in
        [
          name, distribution.pqIndex.fixed(decimals: 4),
          distribution.gini?.fixed(decimals: 4) ?? "-", percent(distribution.topEnergyShare),
          distribution.matrix.flatMap { matrix in
            matrix.outlierChannelCount.map { "\($0) of \(matrix.channelCount)" }
          } ?? "-",
          distribution.packedByteCount.map { "≈ \(ByteSize($0))" } ?? "-",
        ]
      })
  }

  private static func patternTable(_ all: [Named]) -> Table? {
    let matrices = all.compactMap { name, distribution in
      distribution.matrix.map { (name: name, matrix: $0) }
    }
    guard let pattern = matrices.first?.matrix.pattern else { return nil }
    return table(
      ["tensor", "\(pattern) energy", "\(pattern) groups", "zero blocks"],
      rows: matrices.map { name, matrix in
        [
          name, percent(matrix.keptEnergyShare), percent(matrix.fittingShare),
          percent(matrix.zeroBlockShare),
        ]
      })
  }

  /// The quantiles that fit in a line; JSON and CSV contain all of them.
  private static let shownLevels = [0.1, 0.5, 0.9, 0.99, 0.999]

  private static func quantileTable(_ all: [Named]) -> Table {
    let levels = TensorStatistics.Distribution.levels
    return table(
      ["|w| quantiles"] + shownLevels.map { "\((100 * $0).plain) %" },
      rows: all.map { name, distribution in
        [name]
          + shownLevels.map { level in
            guard let index = levels.firstIndex(of: level), !distribution.quantiles.isEmpty else {
              return "-"
            }
            return distribution.quantiles[index].short
          }
      })
  }

  /// The maximum number of powers of two in a histogram, so that lines fit into 80 columns.
  private static let octaveLimit = 24

  /// Returns a histogram of each tensor over powers of two, which are the same for all of them; nil if all values are 0.
  private static func histogramTable(_ all: [Named]) -> Table? {
    let octaves = all.compactMap(\.distribution.octaves)
    guard let end = octaves.map({ $0.lowest + $0.counts.count }).max(),
      let lowest = octaves.map(\.lowest).min()
    else { return nil }
    let start = max(lowest, end - octaveLimit)
    return Table(
      [
        Table.Column("|w| histogram"),
        Table.Column("from 2^\(start) to 2^\(end)", drawing: .levels),
        Table.Column("most in", alignsRight: true),
      ],
      rows: all.map { name, distribution in
        guard let octaves = distribution.octaves,
          let most = octaves.counts.indices.max(by: { octaves.counts[$0] < octaves.counts[$1] })
        else { return [name, "-", "-"] }
        return [
          name, Glyphs.sparkline(octaves.counts(from: start, to: end)),
          "2^\(octaves.lowest + most)",
        ]
      })
  }

  private static func neuronTable(
    _ all: [(name: String, neurons: [NeuronSurvey.Neuron])]
  ) -> Table {
    table(
      ["tensor", "neurons", "PQI min", "median", "max", "all zero"],
      rows: all.map { name, neurons in
        let indexes = neurons.map(\.pqIndex).sorted()
        return [
          name, neurons.count.grouped, indexes[0].fixed(decimals: 4),
          indexes[neurons.count / 2].fixed(decimals: 4),
          indexes[neurons.count - 1].fixed(decimals: 4),
          neurons.count { $0.largestMagnitude == 0 }.grouped,
        ]
      })
  }
}

extension Double {
  /// The number without a fraction of zero.
  fileprivate var plain: String {
    guard magnitude < 1e15, let whole = Int(exactly: self) else { return String(self) }
    return String(whole)
  }
}
