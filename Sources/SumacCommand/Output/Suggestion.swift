import ArgumentParser
import Base

/// Suggestions for misspelt subcommands.
enum Suggestion {
  /// Returns an error that names the nearest subcommand, or nil if the first word is a subcommand or an option.
  static func forSubcommand(in arguments: [String], of root: any ParsableCommand.Type)
    -> UsageError?
  {
    let names = root.configuration.subcommands.compactMap {
      $0.configuration.commandName ?? "\($0)".lowercased()
    }
    var words = arguments[...]
    if words.first == "help" { words.removeFirst() }
    guard let word = words.first, !word.hasPrefix("-"), !names.contains(word), word != "help"
    else { return nil }
    let hint: Message? = Nearest.name(word, of: names).map { "did you mean 'sumac \($0)'?" }
    return UsageError(
      "unknown command '\(word.printable)'",
      hint: hint ?? "the commands are \(names.joined(separator: ", ")); see sumac --help")
  }
}
