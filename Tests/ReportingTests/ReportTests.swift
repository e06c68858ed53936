import Base
import Reporting
import TensorCore
import Testing

@Suite struct ReportTests {
  /// A report with the given rows.
  private struct Sample: Report {
    static let schema = "sumac.sample/1"
    var rows: [[String]]

    private var table: Table {
      Table([Table.Column("name"), Table.Column("n", alignsRight: true)], rows: rows)
    }

    var sections: [Section] {
      [
        .line("first"), .line("second"),
        .facts([.init("path", "a.sumac"), .init("other files", "one, two, three, four")]),
        .table(table),
      ]
    }
    var records: Table { table }
    var members: JSONObject { ["count": JSONValue(rows.count)] }
    var lines: [JSONValue] { rows.map { .object(["name": .string($0[0])]) } }
  }

  private let sample = Sample(rows: [["x", "1"], ["y,z", "20"]])

  @Test("text has an empty line between sections, but not between lines")
  func text() {
    #expect(
      sample.rendered(as: .text, width: nil) == """
        first
        second

        path         a.sumac
        other files  one, two, three, four

        name   n
        x      1
        y,z   20

        """)
  }

  @Test("facts are wrapped between words and indented below their first line")
  func wrapping() {
    let lines = sample.rendered(as: .text, width: 33).split(separator: "\n")
    #expect(lines[3...4] == ["other files  one, two, three,", "             four"])
  }

  @Test("Markdown")
  func markdown() {
    #expect(
      sample.rendered(as: .markdown, width: 10) == """
        first
        second

        - path: a.sumac
        - other files: one, two, three, four

        | name | n |
        |---|---:|
        | x | 1 |
        | y,z | 20 |

        """)
  }

  @Test("JSON starts with the schema and parses to the same values")
  func json() throws {
    let text = sample.rendered(as: .json, width: nil)
    #expect(text == "{\n  \"schema\": \"sumac.sample/1\",\n  \"count\": 2\n}\n")
    let value = try JSONValue.parse(Array(text.utf8).span)
    #expect(value["count"]?.asInt == 2)
  }

  @Test("JSON Lines and CSV have a line for each row")
  func rows() {
    #expect(sample.rendered(as: .jsonl, width: nil) == "{\"name\":\"x\"}\n{\"name\":\"y,z\"}\n")
    #expect(sample.rendered(as: .csv, width: nil) == "name,n\nx,1\n\"y,z\",20\n")
  }

  @Test("several reports become one JSON list or one CSV table; other formats concatenate them")
  func several() throws {
    let reports = [Sample(rows: []), sample]
    let json = try JSONValue.parse(
      Array(Reports.rendered(reports, as: .json, width: nil).utf8).span)
    #expect(json.asArray?.compactMap { $0["count"]?.asInt } == [0, 2])
    #expect(Reports.rendered(reports, as: .csv, width: nil) == "name,n\nx,1\n\"y,z\",20\n")
    #expect(
      Reports.rendered(reports, as: .jsonl, width: nil) == sample.rendered(as: .jsonl, width: nil))
    for format in [ReportFormat.text, .markdown] {
      #expect(
        Reports.rendered(reports, as: format, width: nil)
          == reports.map { $0.rendered(as: format, width: nil) }.joined(separator: "\n"))
    }
  }
}
