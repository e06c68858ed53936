import ArgumentParser
import Base
import Operations
import Reporting

/// How to print a report.
struct ReportFlags: ParsableArguments {
  @Option(help: "How to print: text, json, jsonl, csv or markdown.")
  var format = ReportFormat.text

  @Flag(help: "Short for --format json.")
  var json = false

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Write the report to this file; - is standard output.", valueName: "path"),
    completion: .file())
  var output: String?

  /// Throws before the work what is known to be wrong with `--output`.
  func check() throws {
    if let output, output != "-" { try ReportFile.check(output) }
  }

  /// Prints the reports of a result; nothing if there are none.
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
