package import Base
import Charts
package import Reporting

/// The repeats in texts or tokens, as `repeats scan` reports them.
package struct RepeatScanReport: Report {
  package static let schema = "sumac.repeats-scan/1"

  private struct Range: Sendable {
    var start: Int
    var end: Int
    var document: String
    var offset: Int
  }

  let scan: RepeatScan
  private let equalGroups: [[String]]
  private let wordGroups: [[String]]
  private let clusters: [[String]]
  private let pairs: [(first: String, second: String, similarity: Double)]
  private let ranges: [Range]
  private let rangeCount: Int
  private let coveredCount: Int
  /// The groups of equal paragraphs, each with the label of the document of its first one, and the place in it.
  let paragraphs: [(group: ParagraphRepeats.Group, document: String, offset: Int)]

  /// - Throws: ``FileError`` if the ids of the documents cannot be read.
  package init(_ scan: RepeatScan) throws {
    self.scan = scan
    let (corpus, limit) = (scan.corpus, scan.settings.limit)
    func labels(_ groups: [[Int]]) throws -> [[String]] {
      var left = limit
      var list: [[String]] = []
      for group in groups where left > 0 {
        let shown = group.prefix(max(2, left))
        left -= shown.count
        list.append(try shown.map(corpus.label))
      }
      return list
    }
    equalGroups = try labels(scan.equalGroups)
    wordGroups = try labels(scan.wordGroups)
    clusters = try labels(scan.clusters)
    pairs = try Self.pairs(of: scan).map {
      (try corpus.label(of: $0.first), try corpus.label(of: $0.second), $0.similarity)
    }
    paragraphs = try (scan.paragraphs?.groups ?? []).map { group in
      let document = corpus.document(at: group.first.lowerBound)
      return (
        group, try corpus.label(of: document),
        group.first.lowerBound - corpus.range(of: document).lowerBound
      )
    }
    let covered = scan.ranges.covered
    rangeCount = covered.ranges.count
    coveredCount = covered.count
    ranges = try covered.ranges.prefix(limit).map { range in
      let document = corpus.document(at: range.lowerBound)
      return Range(
        start: range.lowerBound, end: range.upperBound, document: try corpus.label(of: document),
        offset: range.lowerBound - corpus.range(of: document).lowerBound)
    }
  }

  /// Returns the first pairs of documents, those with equal words included.
  private static func pairs(of scan: RepeatScan) -> [NearDuplicates.Pair] {
    let limit = scan.settings.limit
    var pairs: [NearDuplicates.Pair] = []
    func add(_ a: Int, _ b: Int, _ similarity: Double) -> Bool {
      guard pairs.count < limit else { return false }
      pairs.append(
        NearDuplicates.Pair(first: min(a, b), second: max(a, b), similarity: similarity))
      return true
    }
    groups: for group in scan.wordGroups {
      for (place, first) in group.enumerated() {
        for second in group[(place + 1)...] where !add(first, second, 1) { break groups }
      }
    }
    near: for pair in scan.near.pairs {
      for first in group(pair.first, in: scan.wordGroups) {
        for second in group(pair.second, in: scan.wordGroups)
        where !add(first, second, pair.similarity) { break near }
      }
    }
    return pairs
  }

  /// Returns the group that starts with a document, or the document alone.
  private static func group(_ document: Int, in groups: [[Int]]) -> [Int] {
    var (low, high) = (0, groups.count)
    while low < high {
      let middle = (low + high) / 2
      if groups[middle][0] < document { low = middle + 1 } else { high = middle }
    }
    return low < groups.count && groups[low][0] == document ? groups[low] : [document]
  }

  /// The number of pairs of documents, those with equal words included.
  private var pairCount: Int {
    scan.wordGroups.reduce(scan.near.pairCount) { $0 + $1.count * ($1.count - 1) / 2 }
  }

  private var unit: String { scan.corpus.unit.rawValue }
  /// The unit of histograms and shingles.
  private var token: String { scan.corpus.unit == .byte ? "word" : "token" }

  static func percent(_ part: Int, _ whole: Int) -> String {
    "\((100 * Double(part) / Double(max(1, whole))).formatted(digits: 3)) %"
  }

  private static func extra(_ groups: [[Int]]) -> Int {
    groups.reduce(0) { $0 + $1.count - 1 }
  }

  // MARK: Text

  static let shownCount = 10

  package var sections: [Section] {
    let corpus = scan.corpus
    var sections: [Section] = [
      .facts(
        [
          Section.Fact(
            "documents",
            "\(corpus.documentCount.grouped) with \(scan.tokenCount.counted(token)), "
              + corpus.unitCount.counted(unit)),
          Section.Fact("equal documents", groups(scan.equalGroups)),
        ] + paragraphFacts + [
          Section.Fact("equal words", groups(scan.wordGroups)),
          Section.Fact(
            "near-duplicates",
            "\(pairCount.counted("pair")) with a similarity of "
              + "\(scan.settings.threshold.short) or more, \(scan.clusters.count.counted("cluster"))"
          ),
          Section.Fact(
            "repeated ranges",
            "\(rangeCount.grouped) of \(scan.ranges.length) \(unit)s or more, "
              + "\(Self.percent(coveredCount, corpus.unitCount)) of the \(unit)s"),
          Section.Fact(
            "repeated windows",
            "\(Self.percent(scan.windows.repeatedCount, scan.windows.tokenCount)) of the windows of "
              + scan.settings.window.counted(token)),
        ]),
      .line("Share of \(token)s by the number of times that they are seen:"),
      .table(histogramTable),
    ]
    if !paragraphs.isEmpty {
      sections.append(.line("The equal paragraphs with the most bytes:"))
      sections.append(.table(paragraphTable))
    }
    if !ranges.isEmpty {
      sections.append(.line("The longest repeated ranges:"))
      let longest = ranges.sorted { ($1.end - $1.start, $0.start) < ($0.end - $0.start, $1.start) }
      sections.append(.table(Self.table(longest.prefix(Self.shownCount))))
    }
    if scan.near.isPartial {
      sections.append(
        .line(
          "Some groups of more than \(NearDuplicates.completeGroupCount) similar documents were compared "
            + "only until their clusters were known."))
    }
    return sections
  }

  private func groups(_ groups: [[Int]]) -> String {
    "\(groups.count.counted("group")), \(Self.extra(groups).grouped) more than one of each"
  }

  /// The histograms with the names of their units.
  private var histograms: [(name: String, histogram: RepeatHistogram)] {
    [("documents", scan.documents)] + (scan.paragraphs.map { [("paragraphs", $0.histogram)] } ?? [])
      + [("windows", scan.windows)]
  }

  private var histogramTable: Table {
    let times = Set(histograms.flatMap(\.histogram.entries).map(\.times)).sorted()
    func cell(_ histogram: RepeatHistogram, _ times: Int) -> String {
      histogram.entries.first { $0.times == times }.map {
        "\((100 * histogram.share(of: $0)).formatted(digits: 3)) %"
      } ?? "-"
    }
    return Table(
      [Table.Column("times", alignsRight: true)]
        + histograms.map { Table.Column("in \($0.name)", alignsRight: true) },
      rows: times.prefix(2 * Self.shownCount).map { times in
        ["\(times)"] + histograms.map { cell($0.histogram, times) }
      })
  }

  private static func table(_ ranges: some Sequence<Range>) -> Table {
    Table(
      [
        Table.Column("document"), Table.Column("offset", alignsRight: true),
        Table.Column("start", alignsRight: true), Table.Column("end", alignsRight: true),
        Table.Column("length", alignsRight: true),
      ],
      rows: ranges.map {
        [$0.document, "\($0.offset)", "\($0.start)", "\($0.end)", "\($0.end - $0.start)"]
      })
  }

  package var records: Table { Self.table(ranges) }

  // MARK: JSON

  package var members: JSONObject {
    let corpus = scan.corpus
    var members: JSONObject = [
      "inputs": .array(
        corpus.sources.map {
          .object(["path": .string($0.path), "documents": JSONValue($0.documents.count)])
        }),
      "unit": .string(unit), "units": JSONValue(corpus.unitCount),
      "documents": JSONValue(corpus.documentCount),
      "token": .string(token), "tokens": JSONValue(scan.tokenCount),
      "equal_documents": json(scan.equalGroups, equalGroups),
      "equal_words": json(scan.wordGroups, wordGroups),
      "near": .object(near),
      "ranges": .object([
        "length": JSONValue(scan.ranges.length), "exact": true,
        "starts": JSONValue(scan.ranges.starts.count), "count": JSONValue(rangeCount),
        "units": JSONValue(coveredCount),
        "compared_units": JSONValue(scan.ranges.comparedCount),
        "readings": JSONValue(scan.ranges.readingCount),
        "list": .array(
          ranges.map {
            .object([
              "start": JSONValue($0.start), "end": JSONValue($0.end),
              "document": .string($0.document), "offset": JSONValue($0.offset),
            ])
          }),
      ]),
      "histogram": .object(histogramMembers),
    ]
    if let found = scan.paragraphs { members["equal_paragraphs"] = json(found) }
    return members
  }

  private var histogramMembers: JSONObject {
    var members: JSONObject = [
      "documents": scan.documents.json,
      "windows": .object([
        "length": JSONValue(scan.settings.window), "classes": scan.windows.json,
      ]),
    ]
    if let found = scan.paragraphs { members["paragraphs"] = found.histogram.json }
    return members
  }

  private var near: JSONObject {
    [
      "scheme": .object(scan.scheme.json), "threshold": JSONValue(scan.settings.threshold),
      "candidates": JSONValue(scan.near.candidateCount),
      "complete": JSONValue(!scan.near.isPartial),
      "pairs": JSONValue(pairCount),
      "list": .array(
        pairs.map {
          .object([
            "first": .string($0.first), "second": .string($0.second),
            "similarity": JSONValue($0.similarity),
          ])
        }),
      "clusters": json(scan.clusters, clusters),
    ]
  }

  private func json(_ groups: [[Int]], _ labels: [[String]]) -> JSONValue {
    .object([
      "groups": JSONValue(groups.count), "extra": JSONValue(Self.extra(groups)),
      "list": .array(labels.map { .array($0.map { .string($0) }) }),
    ])
  }

  package var lines: [JSONValue] { [document] }

  // MARK: Picture

  /// The histogram as an SVG picture: the share of tokens that are seen as often as the axis shows, or more often.
  package var svg: String {
    let times = Set(histograms.flatMap(\.histogram.entries).map(\.times)).union([1]).sorted()
    func values(_ histogram: RepeatHistogram) -> [Double?] {
      times.map { times in
        histogram.entries.filter { $0.times >= times }.reduce(0) { $0 + histogram.share(of: $1) }
      }
    }
    return LinePlot(
      "Share of \(token)s seen this often or more", axis: "number of times",
      labels: times.map { "\($0)" },
      lines: histograms.map { name, histogram in
        LinePlot.Line(
          name == "windows" ? "windows of \(scan.settings.window)" : name, values(histogram))
      }
    ).svg
  }
}

extension RepeatHistogram {
  /// The number of tokens in units that occur more than once.
  var repeatedCount: Int { entries.filter { $0.times > 1 }.reduce(0) { $0 + $1.tokens } }
}
