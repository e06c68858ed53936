package import Base
package import Reporting

/// The repeats of a corpus beside the band that hurts models of a size most, class by class.
package struct PredictionReport: Report {
  package static let schema = "sumac.repeats-predict/1"

  /// Tokens that are seen equally often.
  package struct Class: Sendable, Equatable {
    package var times: Double
    package var share: Double

    package init(times: Double, share: Double) { (self.times, self.share) = (times, share) }
  }

  private struct Row: Sendable {
    var times: Double
    var share: Double
    var position: RepeatBand.Position
    var nearest: RepeatBand.Point
  }

  private let parameters: Double
  private let tokens: Double
  private let basis: String
  private let epochs: Double
  private let band: RepeatBand
  private let rows: [Row]

  /// - Parameters:
  ///   - classes: The classes of the histogram, each seen `times` in the data.
  ///   - basis: The unit that was counted, such as documents.
  ///   - epochs: The number of times that the data are read.
  package init(
    _ classes: [Class], basis: String, parameters: Double, tokens: Double, epochs: Double
  ) {
    (self.parameters, self.tokens, self.basis, self.epochs) = (parameters, tokens, basis, epochs)
    let band = RepeatBand(parameters: parameters)
    self.band = band
    rows = classes.map { entry in
      let times = max(1, entry.times * epochs)
      return Row(
        times: times, share: entry.share, position: band.position(ofRepeats: times),
        nearest: RepeatBand.nearest(
          parameters: parameters, share: max(entry.share, 1e-9), repeats: times))
    }
  }

  /// The share of tokens in classes inside the band; 0 if all tokens are seen equally often.
  private var shareInside: Double {
    isWhole ? 0 : rows.filter { $0.position == .inside }.reduce(0) { $0 + $1.share }
  }

  private var isWhole: Bool { rows.count == 1 }

  package var warnings: [String] {
    var warnings: [String] = []
    if isWhole {
      warnings.append(
        "All tokens are seen equally often. The band is about a small subset that is seen more often than the rest; "
          + "reading a whole corpus up to 4 times is nearly free (Muennighoff et al., arXiv 2305.16264)."
      )
    } else if shareInside > 0 {
      warnings.append(
        "\((100 * shareInside).formatted(digits: 3)) % of the tokens are seen as often as hurts models of this size "
          + "most: copying and induction heads suffer first. Remove repeats, or compare with a run without them."
      )
    }
    if !RepeatBand.measuredSizes.contains(parameters) {
      warnings.append(
        "The band was measured from 1.5 million to a billion parameters; this size is an extrapolation."
      )
    }
    warnings.append(
      "The band says where repeats hurt, not how much. It was fitted at 100 billion tokens, without regularization, "
        + "and its edges are noisy.")
    return warnings
  }

  package var sections: [Section] {
    [
      .facts([
        Section.Fact(
          "band",
          "\(band.left.formatted(digits: 3)) to \(band.right.formatted(digits: 3)) repeats for "
            + "\(parameters.short) parameters"),
        Section.Fact("basis", "\(basis), \(tokens.short) tokens, \(epochs.short) epochs"),
      ]),
      .table(records),
    ] + warnings.map { .line($0) }
  }

  package var records: Table {
    Table(
      [
        Table.Column("times", alignsRight: true), Table.Column("share", alignsRight: true),
        Table.Column("position"), Table.Column("nearest published point"),
      ],
      rows: rows.map { row in
        let point = row.nearest
        return [
          row.times.short, "\((100 * row.share).formatted(digits: 3)) %",
          "\(row.position.rawValue) the band",
          "\(point.parameters.short) parameters, \((100 * point.share).short) % of the tokens, "
            + "\(point.repeats.short) times: \(point.effect)",
        ]
      })
  }

  package var members: JSONObject {
    [
      "parameters": JSONValue(parameters), "tokens": JSONValue(tokens), "basis": .string(basis),
      "epochs": JSONValue(epochs),
      "band": .object([
        "left": JSONValue(band.left), "right": JSONValue(band.right),
        "source": "arXiv 2205.10487",
        "extrapolated":
          JSONValue(!RepeatBand.measuredSizes.contains(parameters)),
      ]),
      "classes": .array(
        rows.map { row in
          .object([
            "times": JSONValue(row.times), "share": JSONValue(row.share),
            "position": .string(row.position.rawValue),
            "nearest": .object([
              "parameters": JSONValue(row.nearest.parameters),
              "share": JSONValue(row.nearest.share),
              "repeats": JSONValue(row.nearest.repeats), "effect": .string(row.nearest.effect),
            ]),
          ])
        }),
      "share_inside": JSONValue(shareInside),
      "warnings": .array(warnings.map { .string($0) }),
    ]
  }

  package var lines: [JSONValue] { [document] }
}
