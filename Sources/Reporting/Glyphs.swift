/// The characters with which charts are drawn in text, and their stand-ins in ASCII.
package enum Glyphs {
  /// Blocks of 1 to 8 eighths of a line.
  static let levels: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
  /// Blocks of 1 to 7 eighths of a column.
  static let eighths: [Character] = ["▏", "▎", "▍", "▌", "▋", "▊", "▉"]
  /// The character of a place without a value above 0.
  static let nothing: Character = "·"

  /// Returns the block of a share of the largest value: `·` for 0 or less, otherwise of at least an eighth.
  package static func level(_ share: Double) -> Character {
    guard share > 0 else { return nothing }
    let steps = Double(levels.count)
    let number = Int((min(1, share) * steps).rounded())  // fits: from 0 to 8
    return levels[max(1, number) - 1]
  }

  /// Returns a histogram as one block for each count, whose heights are relative to the largest count.
  ///
  /// A count above 0 is never drawn as nothing.
  package static func sparkline(_ counts: [Int]) -> String {
    let largest = Double(counts.max() ?? 0)
    return String(counts.map { largest > 0 ? level(Double($0) / largest) : nothing })
  }

  /// Returns a bar whose length is the share of `value` in `largest`, in steps of an eighth of a column.
  ///
  /// A value above 0 has a bar of at least one step.
  /// - Parameter width: The number of columns of the bar of `largest`.
  package static func bar(_ value: Double, of largest: Double, width: Int) -> String {
    guard largest > 0, value > 0 else { return "" }
    let share = min(1, value / largest)
    let length = Int((share * Double(8 * width)).rounded())  // fits: at most 8 * width
    let count = max(1, length)
    let part = count % 8
    return String(repeating: "█", count: count / 8) + (part == 0 ? "" : String(eighths[part - 1]))
  }

  /// The stand-ins in ASCII, each of one column.
  private static let ascii: [Unicode.Scalar: Unicode.Scalar] = {
    var result: [Unicode.Scalar: Unicode.Scalar] = [
      "·": ".", "…": "~", "→": ">", "≈": "~", "≤": "<", "×": "x", "└": "`", "├": "|", "│": "|",
      "─": "-", "█": "#", "‖": "|", "−": "-",
    ]
    for (block, stand) in zip("▁▂▃▄▅▆▇".unicodeScalars, "_-~+=*%".unicodeScalars) {
      result[block] = stand
    }
    for (block, stand) in zip("▏▎▍▌▋▊▉".unicodeScalars, "---====".unicodeScalars) {
      result[block] = stand
    }
    return result
  }()

  /// Returns the text with the characters of charts and lines replaced by ASCII characters of the same width.
  package static func inASCII(_ text: String) -> String {
    guard !text.utf8.allSatisfy({ $0 < 0x80 }) else { return text }
    var result = "".unicodeScalars
    for scalar in text.unicodeScalars { result.append(ascii[scalar] ?? scalar) }
    return String(result)
  }

  // MARK: Colors

  /// The numbers of the colors of levels 1 to 8 in the palette of 256, from blue to red. All of them are readable on light
  /// and on dark backgrounds.
  private static let colors = [63, 32, 37, 35, 70, 142, 172, 166]

  /// Returns a cell of a chart with colors that repeat what its characters show.
  static func colored(_ cell: String, as drawing: Table.Drawing) -> String {
    switch drawing {
    case .bar: return cell.isEmpty ? cell : paint(cell, colors[1])
    case .levels:
      var result = ""
      var run = (text: "", level: Int?.none)
      func painted() -> String { run.level.map { paint(run.text, colors[$0]) } ?? run.text }
      for character in cell {
        let level = levels.firstIndex(of: character)
        if level != run.level {
          result += painted()
          run = ("", level)
        }
        run.text.append(character)
      }
      return result + painted()
    }
  }

  private static func paint(_ text: String, _ color: Int) -> String {
    "\u{1B}[38;5;\(color)m\(text)\u{1B}[0m"
  }
}
