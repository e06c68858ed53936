import ArgumentParser
import Base
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

  /// Prints what came of `inputCount` inputs; nothing if nothing came of them.
  func print<R: Report>(_ reports: [R], inputCount: Int) throws {
    guard let first = reports.first else { return }
    let format = json ? .json : format
    try write { width in
      inputCount == 1
        ? first.rendered(as: format, width: width)
        : R.rendered(reports, as: format, width: width)
    }
  }

  private func write(_ text: (_ width: Int?) -> String) throws {
    guard let output, output != "-" else {
      return try StandardOutput.write(text(StandardOutput.width))
    }
    try ReportFile.write(text(nil), to: output)
  }
}

extension ReportFlags {
  func print(_ report: some Report) throws { try print([report], inputCount: 1) }
}

extension ReportFormat: ExpressibleByArgument {}
