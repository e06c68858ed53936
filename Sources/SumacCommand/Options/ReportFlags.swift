import ArgumentParser
import Base
import Operations
import Reporting

/// The options for how a report is printed.
struct ReportFlags: ParsableArguments {
  @Option(help: "Format of the report.")
  var format = ReportFormat.text

  @Flag(help: "Same as --format json.")
  var json = false

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Write the report to this file; - means standard output.", valueName: "path"),
    completion: .file())
  var output: String?

  /// Checks `--output` before the work starts.
  func check() throws {
    if let output, output != "-" { try ReportFile.check(output) }
  }

  /// Prints the reports of a result, if there are any.
  func print(_ result: OperationResult) throws {
    guard !result.reports.isEmpty else { return }
    try write { result.rendered(as: json ? .json : format, width: $0) ?? "" }
  }

  private func write(_ text: (_ width: Int?) -> String) throws {
    guard let output, output != "-" else {
      return try StandardOutput.write(text(StandardOutput.width))
    }
    try ReportFile.write(text(nil), to: output)
  }
}

extension ReportFormat: ExpressibleByArgument {}
