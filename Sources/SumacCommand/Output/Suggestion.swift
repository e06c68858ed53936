import ArgumentParser
import TensorCore

/// What a misspelt word was meant to be.
enum Suggestion {
  /// An error that names the nearest subcommand, if the first word that is no option is none.
  static func forSubcommand(in arguments: [String], of root: any ParsableCommand.Type)
    -> UsageError?
  {
    let names = root.configuration.subcommands.compactMap {
      $0.configuration.commandName ?? "\($0)".lowercased()
    }
    var words = arguments[...]
    if words.first == "help" { words.removeFirst() }
    // Options of the whole program come before no word.
    guard let word = words.first, !word.hasPrefix("-"), !names.contains(word), word != "help"
    else { return nil }
    let nearest = names.min { distance($0, word) < distance($1, word) }
    let hint = nearest.flatMap { name in
      distance(name, word) <= max(1, name.count / 3) ? "did you mean 'sumac \(name)'?" : nil
    }
    return UsageError(
      "there is no command '\(word.printable)'",
      hint: hint ?? "the commands are \(names.joined(separator: ", ")); see sumac --help")
  }

  /// Insertions, deletions, replacements and swaps of neighbours that lead from one word to another.
  static func distance(_ a: String, _ b: String) -> Int {
    let a = Array(a)
    let b = Array(b)
    var rows = [Array(0...b.count)]
    for i in 0..<a.count {
      var row = [i + 1]
      for j in 0..<b.count {
        var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
          best = min(best, rows[i - 1][j - 1] + 1)
        }
        row.append(best)
      }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }
}
