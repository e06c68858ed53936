import Base
import Charts

extension ModelPage {
  /// The figures of evaluations, each from a document of `eval --json`.
  var evaluationPart: Page.Part? {
    guard !evaluations.isEmpty else { return nil }
    var part = Page.Part("evaluation", "Evaluation")
    for (number, document) in evaluations.enumerated() {
      let prefix = evaluations.count > 1 ? "\(number + 1): " : ""
      func figure(_ label: String, _ value: JSONValue?) {
        guard let text = Self.figure(value) else { return }
        part.facts.append((prefix + label, text))
      }
      part.facts.append((prefix + "model", document["model"]?.asString ?? "?"))
      if let base = document["against"]?.asString {
        part.facts.append((prefix + "against", base))
      }
      part.facts.append(
        (
          prefix + "data",
          (document["data"]?.asArray ?? []).compactMap(\.asString).joined(separator: ", ")
        ))
      part.facts.append((prefix + "tokens", (document["tokens"]?.asInt ?? 0).grouped))
      figure("perplexity", document["perplexity"])
      let comparison = document["comparison"]
      figure("perplexity of the base", comparison?["base_perplexity"])
      figure("divergence, nats per token", comparison?["divergence"])
      figure("same top token, share", comparison?["same_top"])
      part.charts += Self.layerCharts(comparison?["layers"]?.asArray ?? [])
    }
    return part
  }

  /// Returns a value with its standard error, or a number.
  private static func figure(_ value: JSONValue?) -> String? {
    guard let value else { return nil }
    if let number = value.asDouble { return number.brief }
    guard let number = value["value"] else { return value.asString }
    let error = value["error"]?.asDouble.map { " ± \($0.brief)" } ?? ""
    return (number.asDouble?.brief ?? number.asString ?? "?") + error
  }

  /// Returns a plot of the figures that all layers have.
  private static func layerCharts(_ layers: [JSONValue]) -> [any Chart] {
    guard let first = layers.first?.asObject, layers.count > 1 else { return [] }
    let keys = first.filter { $0.key != "layer" && $0.value.asDouble != nil }.map(\.key)
    guard !keys.isEmpty else { return [] }
    return [
      LinePlot(
        "Hidden states after each layer, compared with the base", axis: "layer",
        labels: layers.enumerated().map { "\($1["layer"]?.asInt ?? $0)" },
        lines: keys.prefix(4).map { key in
          LinePlot.Line(key.replacing("_", with: " "), layers.map { $0[key]?.asDouble })
        }, scale: .logarithmic)
    ]
  }
}
