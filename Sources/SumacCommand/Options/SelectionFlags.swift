import ArgumentParser
import Base
import Checkpoints

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

  func selection(arguments: [String]) throws -> Selection {
    var names: Set<String>?
    if let namesFrom {
      let file = try InputFile(path: namesFrom)
      guard file.byteCount <= 1 << 28 else {
        throw UsageError("\(namesFrom): a list of names over 256 MiB")
      }
      let text = String(decoding: try file.bytes(at: 0, count: file.byteCount), as: UTF8.self)
      names = Set(text.split(whereSeparator: \.isNewline).map(String.init))
    }
    return Selection(rules: orderedRules(arguments), names: names)
  }

  /// The parser keeps each option's values in order, but not the order between two options; the
  /// arguments tell which came first.
  private func orderedRules(_ arguments: [String]) -> [Selection.Rule] {
    var includes = include[...]
    var excludes = exclude[...]
    var rules: [Selection.Rule] = []
    for argument in arguments {
      let flag = argument.prefix { $0 != "=" }
      if flag == "--include", let glob = includes.popFirst() {
        rules.append(.include(Glob(glob)))
      } else if flag == "--exclude", let glob = excludes.popFirst() {
        rules.append(.exclude(Glob(glob)))
      }
    }
    return rules
  }
}
