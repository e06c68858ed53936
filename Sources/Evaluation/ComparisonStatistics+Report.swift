import Base
import Reporting

/// The figures of a comparison in reports.
extension ComparisonStatistics {
  /// The figures as text.
  var facts: [Section.Fact] {
    [
      Section.Fact(
        "perplexity",
        "\(other.perplexity.text(decimals: 3)), against \(base.perplexity.text(decimals: 3))"),
      Section.Fact("log ratio", logRatio.text(decimals: 5)),
      Section.Fact("divergence", divergenceText),
      Section.Fact("same top", "\(sameTop.percentText) of the tokens"),
      Section.Fact(
        "probability",
        "changed by \(probabilityRMS.percentText) in root mean square, "
          + "\(probabilityChange.percentText) in the mean"),
    ]
  }

  /// The mean divergence with its error, and how far single tokens are from it.
  var divergenceText: String {
    "\(divergence.shortText) nats per token: median \(divergences.median.short), "
      + "99 % below \(divergences.percentile(0.99).short), largest \(divergences.maximum.short)"
  }

  /// The figures of a row of a table, by the names of the columns.
  var figures: [(String, Double)] {
    [
      ("tokens", Double(other.tokenCount)), ("perplexity", other.perplexity.figure),
      ("base_perplexity", base.perplexity.figure), ("divergence", divergence.figure),
      ("divergence_error", divergence.error), ("same_top", sameTop.figure),
      ("probability_rms", probabilityRMS.figure),
    ]
  }

  /// All figures, except those of the other model alone.
  var members: JSONObject {
    [
      "base_perplexity": base.perplexity.json, "base_loss": base.loss.json,
      "log_ratio": logRatio.json, "correlation": JSONValue(correlation),
      "divergence": divergence.json,
      "divergence_places": divergences.json([
        ("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99), ("p99.9", 99.9),
      ]),
      "same_top": sameTop.json, "probability_change": probabilityChange.json,
      "probability_rms": probabilityRMS.json,
      "probability_places": probabilityChanges.json([("p1", 1), ("p50", 50), ("p99", 99)]),
    ]
  }
}

extension Estimate {
  var json: JSONValue {
    .object(["value": JSONValue(figure), "error": JSONValue(error)])
  }

  func text(decimals: Int) -> String { text { $0.fixed(decimals: decimals) } }
  fileprivate var shortText: String { text(\.short) }
  var percentText: String { text { (100 * $0).fixed(decimals: 2) } + " %" }

  /// Returns the number, with its error if that is known.
  private func text(_ format: (Double) -> String) -> String {
    format(figure) + (error.isNaN ? "" : " ± \(format(error))")
  }
}

extension Distribution {
  /// The smallest and largest value, and percentiles, whose keys are such as `p99.9`.
  fileprivate func json(_ percentiles: [(key: String, percent: Double)]) -> JSONValue {
    var object: JSONObject = ["min": JSONValue(minimum)]
    for (key, percent) in percentiles { object[key] = JSONValue(percentile(percent / 100)) }
    object["max"] = JSONValue(maximum)
    return .object(object)
  }
}
