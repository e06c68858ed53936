package import Base
import Networks
package import Reporting

/// The result of an evaluation.
package struct EvaluationReport: Report {
  package static let schema = "sumac.eval/1"

  /// The measured figures.
  package enum Result: Sendable, Equatable {
    case perplexity(Perplexity)
    case comparison(ComparisonStatistics, layers: [LayerComparison])
  }

  package let model: String
  package let base: String?
  package let data: [String]
  package let windowCount: Int
  package let windowLength: Int
  /// The kernels of the matrix products, such as `portable (Haswell)`.
  package let kernels: String
  package let result: Result

  package init(
    model: String, base: String?, data: [String], windows: TokenWindows, kernels: String,
    result: Result
  ) {
    self.model = model
    self.base = base
    self.data = data
    windowCount = windows.count
    windowLength = windows.length
    self.kernels = kernels
    self.result = result
  }

  // MARK: Text

  package var sections: [Section] {
    let measured: [Section] =
      switch result {
      case .perplexity(let perplexity): [.facts(facts(perplexity))]
      case .comparison(let statistics, let layers):
        [.facts(facts(statistics))] + LayerComparison.sections(layers)
      }
    return measured
  }

  private func inputs(_ tokenCount: Int) -> [Section.Fact] {
    var facts = [Section.Fact("model", model.printable)]
    if let base { facts.append(Section.Fact("against", base.printable)) }
    return facts + [
      Section.Fact("data", data.map(\.printable).joined(separator: ", ")),
      Section.Fact(
        "scored",
        "\(tokenCount.counted("token")) in \(windowCount.counted("window")) of \(windowLength.grouped)"
      ),
    ]
  }

  private func facts(_ perplexity: Perplexity) -> [Section.Fact] {
    inputs(perplexity.tokenCount) + [
      Section.Fact("perplexity", perplexity.perplexity.text(decimals: 3)),
      Section.Fact("loss", "\(perplexity.loss.text(decimals: 4)) nats per token"),
    ]
  }

  private func facts(_ s: ComparisonStatistics) -> [Section.Fact] {
    let tails =
      "median \(s.divergences.median.short), 99 % below \(s.divergences.percentile(0.99).short), "
      + "largest \(s.divergences.maximum.short)"
    return inputs(s.other.tokenCount) + [
      Section.Fact(
        "perplexity",
        "\(s.other.perplexity.text(decimals: 3)), against \(s.base.perplexity.text(decimals: 3))"),
      Section.Fact("log ratio", s.logRatio.text(decimals: 5)),
      Section.Fact("divergence", "\(s.divergence.shortText) nats per token: \(tails)"),
      Section.Fact("same top", "\(s.sameTop.percentText) of the tokens"),
      Section.Fact(
        "probability",
        "changed by \(s.probabilityRMS.percentText) in root mean square, "
          + "\(s.probabilityChange.percentText) in the mean"),
    ]
  }

  // MARK: Programs

  package var records: Table {
    let all = values
    return Table(all.map { Table.Column($0.0) }, rows: [all.map(\.1)])
  }

  /// The figures in one row.
  private var values: [(String, String)] {
    var all: [(String, Double)]
    switch result {
    case .perplexity(let p):
      all = [
        ("tokens", Double(p.tokenCount)), ("perplexity", p.perplexity.figure),
        ("perplexity_error", p.perplexity.error), ("loss", p.loss.figure),
        ("loss_error", p.loss.error),
      ]
    case .comparison(let s, _):
      all = [
        ("tokens", Double(s.other.tokenCount)), ("perplexity", s.other.perplexity.figure),
        ("base_perplexity", s.base.perplexity.figure), ("divergence", s.divergence.figure),
        ("divergence_error", s.divergence.error), ("same_top", s.sameTop.figure),
        ("probability_rms", s.probabilityRMS.figure),
      ]
    }
    return [("model", model)]
      + all.map { name, value in
        (name, name == "tokens" ? "\(Int(value))" : "\(value)")
      }
  }

  package var members: JSONObject {
    var members: JSONObject = [
      "model": .string(model), "against": base.map { .string($0) } ?? .null,
      "data": .array(data.map { .string($0) }), "windows": JSONValue(windowCount),
      "window": JSONValue(windowLength), "kernels": .string(kernels),
    ]
    switch result {
    case .perplexity(let perplexity):
      members["tokens"] = JSONValue(perplexity.tokenCount)
      members["perplexity"] = perplexity.perplexity.json
      members["loss"] = perplexity.loss.json
    case .comparison(let s, let layers):
      members["tokens"] = JSONValue(s.other.tokenCount)
      members["perplexity"] = s.other.perplexity.json
      members["loss"] = s.other.loss.json
      members["comparison"] = .object(json(s, layers))
    }
    return members
  }

  private func json(
    _ s: ComparisonStatistics, _ layers: [LayerComparison]
  ) -> JSONObject {
    [
      "base_perplexity": s.base.perplexity.json, "base_loss": s.base.loss.json,
      "log_ratio": s.logRatio.json, "correlation": JSONValue(s.correlation),
      "divergence": s.divergence.json,
      "divergence_places": s.divergences.json([
        ("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99), ("p99.9", 99.9),
      ]),
      "same_top": s.sameTop.json, "probability_change": s.probabilityChange.json,
      "probability_rms": s.probabilityRMS.json,
      "probability_places": s.probabilityChanges.json([("p1", 1), ("p50", 50), ("p99", 99)]),
      "layers": LayerComparison.json(layers),
      "first_broken": layers.first(where: \.isBroken).map { JSONValue($0.layer) } ?? .null,
    ]
  }

  package var lines: [JSONValue] { [.object(members)] }
}

extension Estimate {
  fileprivate var json: JSONValue {
    .object(["value": JSONValue(figure), "error": JSONValue(error)])
  }

  fileprivate func text(decimals: Int) -> String {
    "\(figure.fixed(decimals: decimals)) ± \(error.fixed(decimals: decimals))"
  }
  fileprivate var shortText: String { "\(figure.short) ± \(error.short)" }
  fileprivate var percentText: String {
    "\((100 * figure).fixed(decimals: 2)) ± \((100 * error).fixed(decimals: 2)) %"
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
