import Base
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
      ("two\nlines", "two\\nlines"), ("a\rb", "a\\rb"), ("a\u{1B}[1m", "a\\u{1B}[1m"),
      ("=1+1", "'=1+1"), ("@SUM(1,2)", "\"'@SUM(1,2)\""), ("+x", "'+x"), ("-x", "'-x"),
      ("-0.5", "-0.5"), ("-1e-7", "-1e-7"), ("-inf", "-inf"),
      ("\"\u{301}", "\"\"\"\u{301}\""), ("é|;", "é|;"),
    ])
  func csv(cell: String, expected: String) {
    let table = Table([Table.Column("a"), Table.Column(cell)], rows: [[cell, "1"]])
    #expect(table.csv == "a,\(expected)\n\(expected),1\n")
  }

  @Test("shortened names stay different", arguments: [20, 24, 30, 40])
  func different(width: Int) {
    // The names differ in their middle, at two places.
    let names = (0..<30).flatMap { layer in
      ["up", "down"].map { "model.layers.\(layer).mlp.experts.17.\($0)_proj.weight" }
    }
    let table = Table([Table.Column("name")], rows: names.map { [$0] })
    let lines = table.text(width: width).split(separator: "\n").dropFirst()
    #expect(Set(lines).count == names.count)
    #expect(lines.allSatisfy { $0.count <= width })
  }

  @Test("equal names are shortened alike")
  func alike() {
    let name = String(repeating: "a", count: 60)
    let table = Table([Table.Column("name")], rows: [[name], [name]])
    let lines = table.text(width: 20).split(separator: "\n")
    #expect(lines[1] == lines[2])
  }

  @Test("wide characters take two columns and combining marks none")
  func wide() {
    let table = Table(
      [Table.Column("name"), Table.Column("n", alignsRight: true)],
      rows: [["重み", "1"], ["🌿", "2"], ["e\u{301}", "3"], ["abcd", "4"]])
    #expect(
      table.text(width: nil) == """
        name  n
        重み  1
        🌿    2
        e\u{301}     3
        abcd  4

        """)
    let long = Table([Table.Column("n")], rows: [[String(repeating: "重", count: 30)]])
    let line = long.text(width: 21).split(separator: "\n")[1]
    #expect(line.columnCount <= 21 && line.contains("…"))
  }

  @Test("other columns of text become narrower after the first")
  func otherColumns() {
    let table = Table(
      [Table.Column("from"), Table.Column("to")],
      rows: [[String(repeating: "a", count: 60), String(repeating: "b", count: 60)]])
    #expect(table.text(width: 40).split(separator: "\n").allSatisfy { $0.count <= 40 })
  }

  @Test("Markdown has a rule with alignment and escapes bars")
  func markdown() {
    let table = Table(
      [Table.Column("a|b"), Table.Column("n", alignsRight: true)], rows: [["x|y", "1"]])
    #expect(table.markdown == "| a\\|b | n |\n|---|---:|\n| x\\|y | 1 |\n")
  }
}
