package import Base
package import Reporting

/// The result of an evaluation of a sentence encoder.
package struct EmbeddingReport: Report {
  package static let schema = "sumac.embeddings/1"

  /// The sentences of an evaluation.
  package struct Data: Sendable, Equatable {
    package let files: [String]
    package let sentenceCount: Int
    package let tokenCount: Int
    /// The number of tokens after which a sentence is cut, and the number of sentences that were.
    package let limit: Int
    package let cutCount: Int

    package init(
      files: [String], sentenceCount: Int, tokenCount: Int, limit: Int, cutCount: Int
    ) {
      self.files = files
      self.sentenceCount = sentenceCount
      self.tokenCount = tokenCount
      self.limit = limit
      self.cutCount = cutCount
    }
  }

  package let model: String
  package let base: String?
  package let data: Data
  package let dimension: Int
  package let kernels: String
  /// The file with the embeddings of the model.
  package let written: String?
  package let comparison: EmbeddingComparison?
  /// For each block; empty if blocks were not compared.
  package let layers: [LayerComparison]

  package init(
    model: String, base: String?, data: Data, dimension: Int, kernels: String, written: String?,
    comparison: EmbeddingComparison?, layers: [LayerComparison]
  ) {
    self.model = model
    self.base = base
    self.data = data
    self.dimension = dimension
    self.kernels = kernels
    self.written = written
    self.comparison = comparison
    self.layers = layers
  }

  // MARK: Text

  package var sections: [Section] {
    var facts = [Section.Fact("model", model.printable)]
    if let base { facts.append(Section.Fact("against", base.printable)) }
    facts.append(Section.Fact("data", data.files.map(\.printable).joined(separator: ", ")))
    let cut =
      data.cutCount == 0
      ? "" : "; \(data.cutCount.grouped) cut after \(data.limit.counted("token"))"
    facts.append(
      Section.Fact(
        "embedded",
        "\(data.sentenceCount.counted("sentence")) with \(data.tokenCount.counted("token"))\(cut)"))
    facts.append(Section.Fact("dimension", dimension.grouped))
    if let written { facts.append(Section.Fact("embeddings", written.printable)) }
    if let comparison { facts += self.facts(comparison) }
    return [.facts(facts)] + LayerComparison.sections(layers)
  }

  private func facts(_ c: EmbeddingComparison) -> [Section.Fact] {
    [("cosine", c.cosines, c.worstCosine), ("distance", c.distances, c.worstDistance)].map {
      name, values, worst in
      Section.Fact(
        name,
        "mean \(Self.text(Self.mean(values))), median \(Self.text(Distribution(values).median)), "
          + "worst \(Self.text(values[worst])) in sentence \(worst + 1)")
    }
  }

  private static func mean(_ values: [Double]) -> Double {
    values.reduce(0, +) / Double(values.count)
  }

  private static func text(_ value: Double) -> String {
    value < 0.01 ? value.short : value.fixed(decimals: 6)
  }

  // MARK: Programs

  package var records: Table {
    var all = [
      ("model", model), ("sentences", "\(data.sentenceCount)"), ("dimension", "\(dimension)"),
    ]
    if let c = comparison {
      all += [
        ("cosine_mean", "\(Self.mean(c.cosines))"), ("cosine_min", "\(c.cosines[c.worstCosine])"),
        ("distance_mean", "\(Self.mean(c.distances))"),
        ("distance_max", "\(c.distances[c.worstDistance])"),
      ]
    }
    return Table(all.map { Table.Column($0.0) }, rows: [all.map(\.1)])
  }

  package var members: JSONObject {
    var members: JSONObject = [
      "model": .string(model), "against": base.map { .string($0) } ?? .null,
      "data": .array(data.files.map { .string($0) }), "sentences": JSONValue(data.sentenceCount),
      "tokens": JSONValue(data.tokenCount), "limit": JSONValue(data.limit),
      "cut": JSONValue(data.cutCount), "dimension": JSONValue(dimension),
      "kernels": .string(kernels), "embeddings": written.map { .string($0) } ?? .null,
    ]
    if let c = comparison {
      members["comparison"] = .object([
        "cosine": Self.figures(c.cosines, worst: c.worstCosine),
        "distance": Self.figures(c.distances, worst: c.worstDistance),
        "layers": LayerComparison.json(layers),
        "first_broken": layers.first(where: \.isBroken).map { JSONValue($0.layer) } ?? .null,
      ])
    }
    return members
  }

  private static func figures(_ values: [Double], worst: Int) -> JSONValue {
    .object([
      "mean": JSONValue(mean(values)), "median": JSONValue(Distribution(values).median),
      "worst": JSONValue(values[worst]), "worst_sentence": JSONValue(worst + 1),
    ])
  }

  package var lines: [JSONValue] { [.object(members)] }
}
