import Reporting
import Testing

@Suite struct TableTests {
  private static let table = Table(
    [Table.Column("name"), Table.Column("bytes", alignsRight: true)],
    rows: [["a", "1,024"], ["model.layers.0.mlp.up_proj.weight", "8"]])

  @Test("text has two spaces between columns, right-aligned numbers, and no trailing spaces")
  func text() {
    #expect(
      Self.table.text(width: nil) == """
        name                               bytes
        a                                  1,024
        model.layers.0.mlp.up_proj.weight      8

        """)
    let left = Table([Table.Column("a"), Table.Column("b")], rows: [["1", ""], ["", "2"]])
    #expect(left.text(width: nil) == "a  b\n1\n   2\n")
  }

  @Test(
    "the first column of names is shortened in the middle to fit a width", arguments: [21, 28, 40])
  func width(width: Int) {
    let lines = Self.table.text(width: width).split(separator: "\n")
    #expect(lines.allSatisfy { $0.count == width })
    #expect(lines[1].hasPrefix("a  ") && lines[1].hasSuffix(" 1,024"))
    #expect(lines[2].contains("…") == (width < 40))
    #expect(lines[2].hasPrefix("model") && lines[2].hasSuffix("ght      8"))
  }

  @Test("names keep twelve characters in a terminal of any width")
  func narrow() {
    let lines = Self.table.text(width: 5).split(separator: "\n")
    #expect(
      lines.map(String.init) == [
        "name          bytes", "a             1,024", "model…weight      8",
      ])
  }

  @Test(
    "CSV puts cells with special characters in quotes, and doubles quotes",
    arguments: [
      ("plain", "plain"), ("", ""), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""),
      ("two\nlines", "\"two\nlines\""), ("a\rb", "\"a\rb\""), ("a\r\nb", "\"a\r\nb\""),
      ("\"\u{301}", "\"\"\"\u{301}\""), ("é|;", "é|;"),
    ])
  func csv(cell: String, expected: String) {
    let table = Table([Table.Column("a"), Table.Column(cell)], rows: [[cell, "1"]])
    #expect(table.csv == "a,\(expected)\n\(expected),1\n")
  }

  @Test("Markdown has a rule with alignment and escapes bars")
  func markdown() {
    let table = Table(
      [Table.Column("a|b"), Table.Column("n", alignsRight: true)], rows: [["x|y", "1"]])
    #expect(table.markdown == "| a\\|b | n |\n|---|---:|\n| x\\|y | 1 |\n")
  }
}
