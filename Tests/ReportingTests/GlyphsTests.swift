import Base
import Reporting
import Testing

/// Charts in text, with their stand-ins in ASCII and their colors.
@Suite struct GlyphsTests {
  private static let levels = Array("·▁▂▃▄▅▆▇█")

  @Test(
    "blocks grow with the share, and no share above 0 is drawn as nothing",
    arguments: [
      (-1, 0), (0, 0), (1e-9, 1), (0.125, 1), (0.19, 2), (0.25, 2), (0.5, 4), (0.94, 8), (1, 8),
      (7, 8), (.infinity, 8),
    ] as [(Double, Int)])
  func level(share: Double, level: Int) {
    #expect(Glyphs.level(share) == Self.levels[level])
  }

  @Test("a share that is not a number is drawn as nothing")
  func notANumber() { #expect(Glyphs.level(.nan) == "·") }

  @Test("heights of a histogram are relative to the largest count")
  func sparkline() {
    #expect(Glyphs.sparkline([0, 1, 4_000, 8_000]) == "·▁▄█")
    #expect(Glyphs.sparkline([0, 0]) == "··")
    #expect(Glyphs.sparkline([]) == "")
  }

  @Test(
    "bars have steps of an eighth of a column, at least one",
    arguments: [
      (0, ""), (1e-9, "▏"), (0.125, "▌"), (0.25, "█"), (0.5, "██"), (1, "████"), (2, "████"),
      (.nan, ""), (.infinity, "████"),
    ] as [(Double, String)])
  func bar(value: Double, bar: String) { #expect(Glyphs.bar(value, of: 1, width: 4) == bar) }

  @Test("each character of a chart has a stand-in of the same width in ASCII")
  func ascii() {
    let text = "·▁▂▃▄▅▆▇█▏▎▍▌▋▊▉…→≈≤×└├│─‖−"
    let plain = Glyphs.inASCII(text)
    #expect(plain.utf8.allSatisfy { (0x21...0x7E).contains($0) })
    #expect(plain.columnCount == text.columnCount)
    // Levels stay distinct, and so do a bar and its last step.
    #expect(Set(Glyphs.inASCII("·▁▂▃▄▅▆▇█")).count == 9)
    #expect(Glyphs.inASCII("██▍") == "##-")
    #expect(Glyphs.inASCII("naïve ▁ 1") == "naïve _ 1")
  }

  private static let table = Table(
    [
      Table.Column("name"), Table.Column("levels", drawing: .levels),
      Table.Column("bar", drawing: .bar),
    ],
    rows: [["█ is not a chart here", "▁▁█·!", "██▍"], ["b", "▃", ""]])

  @Test("colors repeat what charts show, and change nothing else")
  func colors() {
    func text(_ style: TextStyle) -> String {
      var text = ""
      Sample(table: Self.table).write(as: .text, style: style) { text += $0 }
      return text
    }
    let plain = text(TextStyle())
    let colored = text(TextStyle(isColored: true))
    #expect(colored.replacing(/\u{1B}\[[0-9;]*m/, with: "") == plain)
    // Two runs of one level each, a bar, and a level of the second row.
    #expect(colored.matches(of: /\u{1B}\[0m/).count == 4)
    #expect(colored.hasPrefix("name                   levels  bar\n█ is not a chart here  \u{1B}["))
    #expect(!plain.contains("\u{1B}"))
    let ascii = text(TextStyle(isASCII: true))
    #expect(ascii == Glyphs.inASCII(plain))
    #expect(ascii.hasPrefix("name                   levels  bar\n# is not a chart here  __#.!"))
  }

  @Test("charts are never shortened")
  func narrow() {
    let lines = Self.table.text(width: 24).split(separator: "\n")
    #expect(lines[1].hasSuffix("▁▁█·!   ██▍"))
    #expect(lines[1].contains("…"))
  }

  @Test("formats other than text have no colors and no stand-ins", arguments: ReportFormat.allCases)
  func formats(format: ReportFormat) {
    guard format != .text else { return }
    var text = ""
    let style = TextStyle(width: 20, isASCII: true, isColored: true)
    Sample(table: Self.table).write(as: format, style: style) { text += $0 }
    #expect(text == Sample(table: Self.table).rendered(as: format, width: nil))
    #expect(!text.contains("\u{1B}"))
  }

  @Test(
    "the locale is the first variable that is set",
    arguments: [
      (["LANG": "en_US.UTF-8"], true), (["LANG": "de_DE.utf8@euro"], true),
      (["LANG": "de_DE.ISO-8859-1"], false), (["LANG": "C"], false), ([:], false),
      (["LANG": "en_US.UTF-8", "LC_ALL": "C"], false),
      (["LANG": "C", "LC_CTYPE": "C.UTF-8"], true),
      (["LANG": "en_US.UTF-8", "LC_ALL": "", "LC_CTYPE": ""], true), (["LANG": "UTF-8"], false),
    ] as [([String: String], Bool)])
  func locale(variables: [String: String], isUTF8: Bool) {
    #expect(TextStyle.isUTF8 { variables[$0] } == isUTF8)
  }

  private struct Sample: Report {
    static let schema = "sumac.sample/1"
    var table: Table
    var sections: [Section] { [.table(table)] }
    var records: Table { table }
    var members: JSONObject { [:] }
    var lines: [JSONValue] { [] }
  }
}
