import ArgumentParser
import Base
import Operations
import Reporting

/// The options of commands that write an archive, or the files of one.
struct ArchiveFlags: ParsableArguments, OutputFlags {
  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp("Path of the output.", valueName: "path"), completion: .file())
  var givenOutput: String?

  @Flag(name: .shortAndLong, help: "Replace an existing output.")
  var force = false

  @Flag(help: "Show the plan, the output size and the memory needed; write nothing.")
  var dryRun = false

  @Option(help: "Format of the result or plan on standard output.")
  var format: ReportFormat?

  @Flag(help: "Same as --format json.")
  var json = false

  var hasFormat: Bool { json || format != nil }
  var chosenFormat: ReportFormat { format ?? (json ? .json : .text) }

  func requireOutput() throws {
    guard givenOutput != nil else {
      throw ValidationError("Missing expected argument '--output <path>'")
    }
  }

  func checkFormat() throws {
    if json, let format, format != .json {
      throw UsageError("--json and --format \(format.rawValue) cannot be used together")
    }
  }

  /// The settings of the output; `requireOutput` checks before that a path is given.
  var settings: OutputSettings {
    var settings = OutputSettings(path: givenOutput ?? "")
    settings.replacesExisting = force
    settings.recordsLineage = false
    return settings
  }
}
