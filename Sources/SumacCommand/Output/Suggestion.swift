import ArgumentParser
import Base

/// Suggestions for misspelt subcommands.
enum Suggestion {
  /// Returns an error that names the nearest subcommand of the program or of a group such as `vector`, or nil if the
  /// words of the command line are subcommands as far as a group expects one.
  static func forSubcommand(in arguments: [String], of root: any ParsableCommand.Type)
    -> UsageError?
  {
    var words = arguments[...]
    if words.first == "help" { words.removeFirst() }
    var command = root
    var path = "sumac"
    while !command.configuration.subcommands.isEmpty, let word = words.popFirst() {
      guard !word.hasPrefix("-"), word != "help" else { return nil }
      let subcommands = command.configuration.subcommands
      if let found = subcommands.first(where: { name(of: $0) == word }) {
        command = found
        path += " " + word
      } else if command.configuration.defaultSubcommand != nil {
        // The word is an argument of the default subcommand, unless it is a command that the group does not have.
        return misplaced(word, in: command, path: path, root)
      } else {
        return unknown(word, of: subcommands.map(name), path: path)
      }
    }
    return nil
  }

  /// Returns the subcommand without subcommands of its own that the words start with, and the words after it; nil if they
  /// do not start with one.
  static func subcommand(
    in arguments: [String], of root: any ParsableCommand.Type
  ) -> (any ParsableCommand.Type, [String])? {
    var words = arguments[...]
    var command = root
    while !command.configuration.subcommands.isEmpty {
      guard let word = words.popFirst(),
        let found = command.configuration.subcommands.first(where: { name(of: $0) == word })
      else { return nil }
      command = found
    }
    return (command, Array(words))
  }

  /// Returns a hint at `batch` if a verb for one input got several; nil for other errors.
  static func forSeveralInputs(_ reason: String, _ arguments: [String]) -> String? {
    let start = reason.lowercased().split(separator: "\n").first ?? ""
    guard start.contains("unexpected argument"), let verb = BatchCommands.verb(startOf: arguments)
    else { return nil }
    return "\(verb) has one input; to run it on several: sumac batch \(verb) INPUT... -o FOLDER"
  }

  private static func name(of command: any ParsableCommand.Type) -> String {
    command.configuration.commandName ?? "\(command)".lowercased()
  }

  private static func unknown(_ word: String, of names: [String], path: String) -> UsageError {
    let hint: Message? = Nearest.name(word, of: names).map { "did you mean '\(path) \($0)'?" }
    return UsageError(
      "unknown command '\(word.printable)'",
      hint: hint ?? "the commands are \(names.joined(separator: ", ")); see \(path) --help")
  }

  /// Returns an error for a command of the program that a group with a default subcommand does not have, and that is not
  /// a file; nil for other words.
  private static func misplaced(
    _ word: String, in group: any ParsableCommand.Type, path: String,
    _ root: any ParsableCommand.Type
  ) -> UsageError? {
    let isVerb = root.configuration.subcommands.contains { name(of: $0) == word }
    let type = try? FileSystem.targetType(word)
    guard isVerb, type == nil else { return nil }
    let own = group.configuration.defaultSubcommand.map(name)
    let names = group.configuration.subcommands.map(name).filter { $0 != own }
    return UsageError(
      "\(path) has no command '\(word)'",
      hint: "the commands are \(names.joined(separator: ", ")); see \(path) --help")
  }

  /// Returns the parser's message without a suggestion of an option that is not like the unknown one.
  static func withoutFarOption(_ reason: String) -> String {
    let (start, middle) = ("Unknown option '", "'. Did you mean '")
    guard reason.hasPrefix(start), let place = reason.firstRange(of: middle),
      let end = reason[place.upperBound...].firstIndex(of: "'")
    else { return reason }
    let word = String(
      reason[reason.index(reason.startIndex, offsetBy: start.count)..<place.lowerBound])
    let option = String(reason[place.upperBound..<end])
    guard Nearest.name(word, of: [option]) == nil else { return reason }
    let rest = reason[end...].drop { $0 == "'" || $0 == "?" }
    return String(reason[..<place.lowerBound]) + "'" + rest
  }

  /// Returns a hint at the form of `plan` that writes scripts if a plan is to be made with them; nil for other errors.
  static func forScripts(_ reason: String, _ arguments: [String]) -> String? {
    guard arguments.first == "plan", reason.hasPrefix("Unknown option '--emit'") else { return nil }
    return
      "write the plan with -o PLAN.json, then its scripts: sumac plan PLAN.json --emit ENGINE -o FOLDER"
  }
}
