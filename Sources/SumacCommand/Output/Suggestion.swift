import ArgumentParser
import Base

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
    let hint: Message? = Nearest.name(word, of: names).map { "did you mean 'sumac \($0)'?" }
    return UsageError(
      "there is no command '\(word.printable)'",
      hint: hint ?? "the commands are \(names.joined(separator: ", ")); see sumac --help")
  }
}
