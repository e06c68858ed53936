import Base
import Reporting

extension RepeatScanReport {
  var paragraphFacts: [Section.Fact] {
    guard let found = scan.paragraphs else { return [] }
    return [
      Section.Fact(
        "equal paragraphs",
        "\(found.groupCount.counted("group")), \(found.extraCount.grouped) more than one of each, "
          + "\(Self.percent(found.extraByteCount, scan.corpus.unitCount)) of the bytes")
    ]
  }

  var paragraphTable: Table {
    Table(
      [
        Table.Column("document"), Table.Column("offset", alignsRight: true),
        Table.Column("bytes", alignsRight: true), Table.Column("times", alignsRight: true),
      ],
      rows: paragraphs.prefix(Self.shownCount / 2).map {
        ["\($0.document)", "\($0.offset)", "\($0.group.first.count)", "\($0.group.times)"]
      })
  }

  func json(_ found: ParagraphRepeats) -> JSONValue {
    .object([
      "paragraphs": JSONValue(found.count), "groups": JSONValue(found.groupCount),
      "extra": JSONValue(found.extraCount), "extra_bytes": JSONValue(found.extraByteCount),
      "list": .array(
        paragraphs.map {
          .object([
            "document": .string($0.document), "offset": JSONValue($0.offset),
            "bytes": JSONValue($0.group.first.count), "times": JSONValue($0.group.times),
          ])
        }),
    ])
  }
}
