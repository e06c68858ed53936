import ArgumentParser
import Operations

/// The options of every batch.
struct BatchFlags: ParsableArguments {
  @Flag(
    help: "Start no further model after one failed; if an error shows before the work, do none.")
  var failFast = false

  @Flag(
    name: .customLong("no-resume"),
    help: "Start over: do every model again, whatever the journal in the output folder contains.")
  var startsOver = false

  @Option(
    help: ArgumentHelp(
      "Write a page about the results: size against error, error against time, and a table of the models.",
      valueName: "page.html"), completion: .file(extensions: ["html"]))
  var report: String?
}

/// The option for the names of the outputs.
struct BatchNameFlag: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Names of the outputs, with {stem}, {name}, {parent} and {index}. (default: {stem} and the suffix "
        + "of the format)",
      valueName: "template"))
  var name: String?
}

/// The option that names a list of inputs.
protocol InputListFlags: ParsableArguments {
  var list: String? { get }
}

struct InputListFlag: InputListFlags {
  @Option(
    name: .customLong("from"),
    help: ArgumentHelp(
      "Read more inputs from this file, one path per line; - means standard input.",
      valueName: "list"),
    completion: .file())
  var list: String?
}

/// The option for commands whose `--from` names a layout.
struct CacheListFlag: InputListFlags {
  @Option(
    name: .customLong("inputs-from"),
    help: ArgumentHelp(
      "Read more inputs from this file, one path per line; - means standard input.",
      valueName: "list"),
    completion: .file())
  var list: String?
}
