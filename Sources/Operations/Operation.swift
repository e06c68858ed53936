package import Base
import Checkpoints
package import Reporting

/// A command as a value that can be stored as JSON, checked, planned and run without a terminal.
///
/// Paths are relative to the working directory. Settings are text and numbers as the user gives them. They
/// are checked when the operation runs, and all errors are reported together.
package protocol Operation: Codable, Sendable {
  /// The command's name, such as `cache pack`; also the verb recorded in lineages.
  static var verb: String { get }

  /// Runs the operation.
  /// - Throws: ``UserError``: all errors that headers show, before the work starts, or the first error after
  ///   that. Outputs are complete or absent.
  func run(_ context: OperationContext) throws -> OperationResult
}

/// The status and reports of a completed operation.
package struct OperationResult: Sendable {
  /// `done`, or the status of a report on a difference or on failed inputs.
  package var status = ExitStatus.done
  /// The reports for standard output.
  package var reports: [any Report] = []
  /// The reports on each of several inputs, failures included; nil if there is one input.
  package var list: ReportList?
  /// The written output, if the operation wrote one.
  package var written: OutputReport?

  package init(reports: [any Report] = [], status: ExitStatus = .done) {
    self.reports = reports
    self.status = status
  }

  /// True if there is anything to print.
  package var hasReports: Bool { list != nil || !reports.isEmpty }

  /// Passes the reports to `write` as text, in pieces.
  package func write(
    as format: ReportFormat, width: Int?, to write: (String) throws -> Void
  ) rethrows {
    try self.write(as: format, style: TextStyle(width: width), to: write)
  }

  /// Passes the reports to `write` as text, in pieces; the style applies to text for people.
  package func write(
    as format: ReportFormat, style: TextStyle, to write: (String) throws -> Void
  ) rethrows {
    if let list { return try list.write(as: format, style: style, to: write) }
    try reports.first?.write(as: format, style: style, to: write)
  }
}

/// An operation that writes a checkpoint.
package protocol OutputOperation: Operation {
  var output: OutputSettings { get set }

  /// Reads headers and checks everything that can be checked with them.
  /// - Returns: The planned output, its errors, and the survey it needs.
  func request(_ context: OperationContext) throws -> OutputRequest
}

extension OutputOperation {
  package func run(_ context: OperationContext) throws -> OperationResult {
    try OutputRun(request(context), verb: Self.verb, output, context).run()
  }

  /// Returns the plan: a row for each tensor, the output's size, and the peak memory. Writes nothing.
  /// - Throws: The errors that `run` throws before its work starts.
  package func plan(_ context: OperationContext) throws -> PlanReport {
    try OutputRun(request(context), verb: Self.verb, output, context).plan()
  }
}
