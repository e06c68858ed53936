import ArgumentParser
import Reporting
import TensorCore

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

  func print<R: Report>(_ reports: [R]) throws {
    let toTerminal = (output ?? "-") == "-"
    let text = R.rendered(
      reports, as: json ? .json : format, width: toTerminal ? StandardOutput.width : nil)
    guard let output, !toTerminal else { return try StandardOutput.write(text) }
    try ReportFile.write(text, to: output)
  }
}

extension ReportFlags {
  func print(_ report: some Report) throws { try print([report]) }
}

extension ReportFormat: ExpressibleByArgument {}
