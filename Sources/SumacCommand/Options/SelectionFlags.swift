import ArgumentParser
import Operations

/// `--include`, `--exclude` and `--names-from`.
struct SelectionFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Apply to tensors whose name matches; may be repeated, the last match decides.",
      valueName: "glob"))
  var include: [String] = []

  @Option(help: ArgumentHelp("Do not apply to tensors whose name matches.", valueName: "glob"))
  var exclude: [String] = []

  @Option(
    help: ArgumentHelp("Apply only to the names in this file, one a line.", valueName: "file"),
    completion: .file())
  var namesFrom: String?

  func settings(_ invocation: Invocation) -> SelectionSettings {
    var settings = SelectionSettings()
    settings.rules = orderedRules(invocation.arguments)
    settings.namesFile = namesFrom
    return settings
  }

  /// The parser keeps each option's values in order, but not the order between two options; the
  /// arguments tell which came first.
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
