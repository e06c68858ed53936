package import Base
package import Reporting

/// The numbers of a mixture of tokens, as `repeats mix` reports them and as its manifest states them.
package struct MixReport: Report {
  package static let schema = "sumac.repeats-mix/1"

  private let mix: TokenMix
  /// The data before they were tokenized.
  private let data: Corpus
  private let tokenizer: String?
  private let output: (path: String, integer: String)?
  private let manifest: String?

  /// - Parameters:
  ///   - data: The documents, which have the names of the sequences.
  ///   - tokenizer: The path of the tokenizer of texts.
  ///   - output: The path of the output and the type of its ids; nil if nothing was written.
  package init(
    _ mix: TokenMix, data: Corpus, tokenizer: String?, output: (path: String, integer: String)?,
    manifest: String?
  ) {
    (self.mix, self.data, self.tokenizer) = (mix, data, tokenizer)
    (self.output, self.manifest) = (output, manifest)
  }

  private var counts: MixCounts { mix.counts }

  private static func percent(_ share: Double) -> String {
    "\((100 * share).formatted(digits: 4)) %"
  }

  private var rows: [(name: String, sequences: Int, times: Int?, occurrences: Int)] {
    [
      ("repeated", counts.repeated, counts.times, counts.repeated * counts.times),
      ("unique", counts.unique, 1, counts.unique),
      ("total", counts.distinct, nil, counts.total),
    ]
  }

  package var sections: [Section] {
    let table = Table(
      [
        Table.Column(""), Table.Column("sequences", alignsRight: true),
        Table.Column("times", alignsRight: true), Table.Column("tokens", alignsRight: true),
        Table.Column("share", alignsRight: true),
      ],
      rows: rows.map { row in
        [
          row.name, row.sequences.grouped, row.times.map(\.grouped) ?? "",
          (row.occurrences * counts.length).grouped,
          Self.percent(Double(row.occurrences) / Double(counts.total)),
        ]
      })
    var facts = [
      Section.Fact(
        "data",
        "\(mix.dataCount.counted("sequence")) of \(counts.length.grouped) tokens, "
          + "\(mix.distinctCount.grouped) different, \(mix.sequences.leftOverCount.counted("token")) left over"
      ),
      Section.Fact("seed", "\(mix.settings.seed)"),
      Section.Fact(
        "output", output.map { "\($0.path), \($0.integer)" } ?? "none, as this is a dry run"),
    ]
    if let manifest { facts.append(Section.Fact("manifest", manifest)) }
    return [.table(table), .facts(facts)]
  }

  package var records: Table {
    Table(
      [
        Table.Column("part"), Table.Column("sequences", alignsRight: true),
        Table.Column("times", alignsRight: true), Table.Column("tokens", alignsRight: true),
      ],
      rows: rows.map {
        [
          $0.name, "\($0.sequences)", $0.times.map { "\($0)" } ?? "",
          "\($0.occurrences * counts.length)",
        ]
      })
  }

  package var members: JSONObject {
    let (settings, length) = (mix.settings, counts.length)
    var members: JSONObject = [
      "inputs": .array(
        data.sources.map {
          .object(["path": .string($0.path), "documents": JSONValue($0.documents.count)])
        }),
      "asked": .object([
        "share": JSONValue(settings.share), "times": JSONValue(settings.times),
        "tokens": JSONValue(settings.tokenCount),
      ]),
      "seed": JSONValue(settings.seed), "length": JSONValue(length),
      "data": .object([
        "sequences": JSONValue(mix.dataCount), "distinct": JSONValue(mix.distinctCount),
        "tokens": JSONValue(mix.dataCount * length),
        "left_over_tokens": JSONValue(mix.sequences.leftOverCount),
      ]),
      "repeated": .object([
        "sequences": JSONValue(counts.repeated),
        "subset_tokens": JSONValue(counts.repeated * length),
        "times": JSONValue(counts.times),
        "tokens": JSONValue(counts.repeated * counts.times * length),
      ]),
      "unique": .object([
        "sequences": JSONValue(counts.unique), "tokens": JSONValue(counts.unique * length),
      ]),
      "total": .object([
        "sequences": JSONValue(counts.total), "tokens": JSONValue(mix.tokenCount),
        "repeated_share": JSONValue(counts.share),
      ]),
    ]
    if let tokenizer { members["tokenizer"] = .string(tokenizer) }
    if let output {
      members["output"] = .string(output.path)
      members["ids"] = .string(output.integer)
    }
    if let manifest { members["manifest"] = .string(manifest) }
    return members
  }

  package var lines: [JSONValue] { [document] }

  // MARK: Manifest

  /// Writes the report with the sequences of the mixture: each repeated one with its place, and the numbers of the others.
  /// - Parameter write: Receives the text in pieces.
  package func writeManifest(to write: (String) throws -> Void) throws {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("schema")
    writer.value(Self.schema)
    for (key, value) in members {
      writer.key(key)
      writer.value(value)
    }
    writer.key("repeated_sequences")
    writer.beginArray()
    let tokens = mix.sequences.corpus
    for sequence in mix.repeated {
      let start = mix.sequences.range(of: Int(sequence)).lowerBound
      let document = tokens.document(at: start)
      writer.value(
        .object([
          "sequence": JSONValue(sequence), "document": .string(try data.label(of: document)),
          "start": JSONValue(start - tokens.range(of: document).lowerBound),
        ]))
      if writer.bytes.count > 1 << 16 { try write(writer.drained()) }
    }
    writer.endArray()
    writer.key("unique_sequences")
    writer.beginArray()
    for sequence in mix.unique {
      writer.value(sequence)
      if writer.bytes.count > 1 << 16 { try write(writer.drained()) }
    }
    writer.endArray()
    writer.endObject()
    try write(writer.drained() + "\n")
  }
}
