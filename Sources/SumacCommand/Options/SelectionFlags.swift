import ArgumentParser
import Operations

/// `--include`, `--exclude` and `--names-from`.
struct SelectionFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Include tensors whose name matches the pattern. Can be repeated; the last match applies.",
      valueName: "glob"))
  var include: [String] = []

  @Option(help: ArgumentHelp("Exclude tensors whose name matches the pattern.", valueName: "glob"))
  var exclude: [String] = []

  @Option(
    help: ArgumentHelp(
      "Include only the tensors named in this file, one name per line.", valueName: "file"),
    completion: .file())
  var namesFrom: String?

  func settings(_ invocation: Invocation) -> SelectionSettings {
    var settings = SelectionSettings()
    settings.rules = orderedRules(invocation.arguments)
    settings.namesFile = namesFrom
    return settings
  }

  /// Returns the rules in the order of the command line.
  ///
  /// The parser keeps the order of each option's values, but not the order between two options, which is
  /// taken from `arguments`.
  private func orderedRules(_ arguments: [String]) -> [SelectionSettings.Rule] {
    var includes = include[...]
    var excludes = exclude[...]
    var rules: [SelectionSettings.Rule] = []
    for argument in arguments {
      let flag = argument.prefix { $0 != "=" }
      if flag == "--include", let glob = includes.popFirst() {
        rules.append(.init(.include, glob))
      } else if flag == "--exclude", let glob = excludes.popFirst() {
        rules.append(.init(.exclude, glob))
      }
    }
    return rules
  }
}
