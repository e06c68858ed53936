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

  @Test("JSON escapes characters that control a terminal, reorder text or are invisible")
  func controls() throws {
    let name = "a\u{9b}31m\u{202e}\u{200b}\u{7f}\u{61c}\u{e0001}\u{feff}\n\"\u{e9}\u{1f600}"
    let report = FailureReport(UsageError("bad"), path: name)
    let escaped =
      #""a\u009b31m\u202e\u200b\u007f\u061c\udb40\udc01\ufeff\n\""# + "\u{e9}\u{1f600}\""
    for format in [ReportFormat.json, .jsonl] {
      let text = report.rendered(as: format, width: nil)
      #expect(text.contains(escaped), "\(text)")
      #expect(try JSONValue.parse(Array(text.utf8).span)["path"]?.asString == name)
      var list = ReportList()
      list.append(report, on: name)
      #expect(list.rendered(as: format, width: nil).contains(escaped))
    }
  }

  @Test("JSON Lines and CSV have a line for each row")
  func rows() {
    #expect(sample.rendered(as: .jsonl, width: nil) == "{\"name\":\"x\"}\n{\"name\":\"y,z\"}\n")
    #expect(sample.rendered(as: .csv, width: nil) == "name,n\nx,1\n\"y,z\",20\n")
  }

  /// A report whose lines are made when they are written.
  private struct Listed: Report {
    static let schema = "sumac.listed/1"
    let count: Int

    var sections: [Section] { [.table(records)] }
    var records: Table {
      Table([Table.Column("n")], rows: LazyRows(count: count) { [String($0)] })
    }
    var members: JSONObject { ["items": .array([]), "end": true] }
    var lineKey: String? { "items" }
    var lines: [JSONValue] { Array(lazyLines) }
    var lazyLines: LazyRows<JSONValue> { LazyRows(count: count) { .object(["n": JSONValue($0)]) } }
  }

  @Test("a report with many lines is written in pieces of a line", arguments: [0, 1, 3])
  func pieces(count: Int) throws {
    let report = Listed(count: count)
    for format in ReportFormat.allCases {
      var pieces: [String] = []
      report.write(as: format, width: nil) { pieces.append($0) }
      #expect(pieces.joined() == report.rendered(as: format, width: nil))
      #expect(pieces.count >= count && pieces.allSatisfy { $0.utf8.count < 1000 })
    }
    let json = report.rendered(as: .json, width: nil)
    #expect(json == report.document.serialized(indented: true) + "\n")
    #expect(try JSONValue.parse(Array(json.utf8).span)["items"]?.asArray?.count == count)
    var list = ReportList()
    list.append(report, on: "a")
    list.append(sample, on: "b")
    let both = try JSONValue.parse(Array(list.rendered(as: .json, width: nil).utf8).span)
    #expect(both.asArray == [report.document, sample.document])
    #expect(list.rendered(as: .csv, width: nil).split(separator: "\n").count == count + 3)
  }

  /// An error of an input.
  private struct Fault: UserError {
    var status: Base.ExitStatus { .badInput }
    var message: Message { "a.bin: \(setting: "type") is wrong" }
    var hint: Message? { "fetch it again" }
    var facts: ErrorFacts { ErrorFacts(code: "sample.fault", path: "a.bin", byteOffset: 7) }
  }

  private var list: ReportList {
    var list = ReportList()
    list.append(sample, on: "x.bin")
    list.append(FailureReport(Fault(), path: "a.bin"), on: "a.bin")
    return list
  }

  @Test("a list contains failed inputs with path and code in every format for programs")
  func failures() throws {
    let json = try JSONValue.parse(Array(list.rendered(as: .json, width: nil).utf8).span)
    let items = try #require(json.asArray)
    #expect(items.map { $0["schema"]?.asString } == ["sumac.sample/1", "sumac.failure/1"])
    #expect(items[1]["path"]?.asString == "a.bin" && items[1]["code"]?.asString == "sample.fault")
    #expect(items[1]["status"]?.asInt == 3)
    #expect(items[1]["errors"]?.asArray?.first?["byte"]?.asInt == 7)
    #expect(
      list.rendered(as: .csv, width: nil) == """
        path,name,n,error_code,error
        x.bin,x,1,,
        x.bin,"y,z",20,,
        a.bin,,,sample.fault,a.bin: --type is wrong

        """)
    let lines = try list.rendered(as: .jsonl, width: nil).split(separator: "\n").map {
      try JSONValue.parse(Array($0.utf8).span)
    }
    #expect(lines.map { $0["path"]?.asString } == ["x.bin", "x.bin", "a.bin"])
    #expect(lines[2]["code"]?.asString == "sample.fault")
  }

  @Test("text of a list leaves out failures, which are messages")
  func textOfList() {
    #expect(list.rendered(as: .text, width: nil) == sample.rendered(as: .text, width: nil))
  }

  @Test("a list of one report stays a list")
  func listOfOne() throws {
    var list = self.list
    list.keep { $0 is FailureReport }
    let json = try JSONValue.parse(Array(list.rendered(as: .json, width: nil).utf8).span)
    #expect(json.asArray?.count == 1)
    list.keep { _ in false }
    #expect(list.rendered(as: .json, width: nil) == "[]\n")
  }

  @Test("HTML escapes names and has a row for each record")
  func html() {
    let page = Sample(rows: [["<b>&", "1"]]).rendered(as: .html, width: nil)
    #expect(page.hasPrefix("<!DOCTYPE html>"))
    #expect(page.contains("<td>&lt;b&gt;&amp;</td><td class=\"number\">1</td>"))
    #expect(!page.contains("<b>"))
  }

  @Test("control characters are escaped in every format", arguments: ReportFormat.allCases)
  func controls(format: ReportFormat) {
    let text = Sample(rows: [["a\u{1B}[31m\nb", "1"]]).rendered(as: format, width: nil)
    #expect(!text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
    #expect(!text.contains("31m\nb"))
  }
}
