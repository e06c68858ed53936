import ArgumentParser
import Operations
import Reporting

/// The options of commands that write texts or tokens.
struct DataOutputFlags: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Path of the output.", valueName: "path"), completion: .file())
  var output: String

  @Flag(name: .shortAndLong, help: "Replace existing files.")
  var force = false

  @Flag(help: "Show the numbers of the output; write nothing.")
  var dryRun = false

  @Option(help: "Format of the report on standard output.")
  var format: ReportFormat?

  @Flag(help: "Same as --format json.")
  var json = false

  mutating func validate() throws {
    if json, let format, format != .json {
      throw ValidationError("--json and --format \(format.rawValue) cannot be used together")
    }
  }

  var chosenFormat: ReportFormat { format ?? (json ? .json : .text) }
}

extension Invocation {
  /// Runs an operation that writes texts or tokens, and prints its report.
  func run(_ flags: DataOutputFlags, _ operation: () throws -> some Operation) throws {
    try reportingFailure(as: flags.chosenFormat) {
      let result = try operation().run(context)
      if !isQuiet || flags.json || flags.format != nil {
        try StandardOutput.write(result, as: flags.chosenFormat)
      }
      try finish(result)
    }
  }
}
