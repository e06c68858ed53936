package import Base
package import Reporting

/// The effect of a cache on the text after it, compared with the original cache.
package struct CacheEvaluationReport: Report {
  package static let schema = "sumac.cache-eval/1"

  package let cache: String
  /// The path of the original cache.
  package let base: String
  package let model: String
  package let data: String
  /// The number of tokens in the cache.
  package let cachedCount: Int
  /// The number of positions that rotary frequencies are for.
  package let context: Int
  /// The kernels of the matrix products, such as `portable (Haswell)`.
  package let kernels: String
  package let statistics: ComparisonStatistics

  package init(
    cache: String, base: String, model: String, data: String, sequence: CachedSequence,
    kernels: String, statistics: ComparisonStatistics
  ) {
    self.cache = cache
    self.base = base
    self.model = model
    self.data = data
    cachedCount = sequence.cachedCount
    context = sequence.context
    self.kernels = kernels
    self.statistics = statistics
  }

  package var sections: [Section] {
    [
      .facts(
        [
          Section.Fact("cache", cache.printable), Section.Fact("against", base.printable),
          Section.Fact("model", model.printable), Section.Fact("data", data.printable),
          Section.Fact(
            "scored",
            "\(statistics.other.tokenCount.counted("token")) after \(cachedCount.grouped) in the cache"
          ),
        ] + statistics.facts)
    ]
  }

  package var records: Table {
    let figures = statistics.figures.map { name, value in
      (name, name == "tokens" ? "\(statistics.other.tokenCount)" : "\(value)")
    }
    let all = [("cache", cache), ("cached", "\(cachedCount)")] + figures
    return Table(all.map { Table.Column($0.0) }, rows: [all.map(\.1)])
  }

  package var members: JSONObject {
    [
      "cache": .string(cache), "against": .string(base), "model": .string(model),
      "data": .string(data), "cached": JSONValue(cachedCount), "context": JSONValue(context),
      "kernels": .string(kernels), "tokens": JSONValue(statistics.other.tokenCount),
      "perplexity": statistics.other.perplexity.json, "loss": statistics.other.loss.json,
      "comparison": .object(statistics.members),
    ]
  }

  package var lines: [JSONValue] { [.object(members)] }
}
