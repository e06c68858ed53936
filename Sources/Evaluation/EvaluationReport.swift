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
        [.facts(inputs(statistics.other.tokenCount) + statistics.facts)]
          + LayerComparison.sections(layers)
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

  /// The figures in one or two lines, for the log of a command that wrote the model.
  package var summary: [String] {
    let tokens: String
    switch result {
    case .perplexity(let perplexity):
      tokens = perplexity.tokenCount.counted("token")
      return ["evaluated on \(tokens): perplexity \(perplexity.perplexity.text(decimals: 3))"]
    case .comparison(let s, _):
      tokens = s.other.tokenCount.counted("token")
      return [
        "evaluated on \(tokens) against \((base ?? "").printable): "
          + "perplexity \(s.other.perplexity.text(decimals: 3)), "
          + "against \(s.base.perplexity.text(decimals: 3)); same top \(s.sameTop.percentText)",
        "divergence \(s.divergenceText)",
      ]
    }
  }

  /// The mean divergence from the base, in nats per token; nil without a base.
  package var divergence: Double? {
    if case .comparison(let statistics, _) = result { statistics.divergence.figure } else { nil }
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
    case .comparison(let s, _): all = s.figures
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
    var members = s.members
    members["layers"] = LayerComparison.json(layers)
    members["first_broken"] = layers.first(where: \.isBroken).map { JSONValue($0.layer) } ?? .null
    return members
  }

  package var lines: [JSONValue] { [.object(members)] }
}
