package import Base
package import Reporting

/// A command as a value: it can be stored as JSON, checked, planned and run without a terminal.
///
/// Paths are relative to the working directory. Settings are what a user gives, as text and numbers; what
/// they mean is checked when the operation runs, all faults at once.
package protocol Operation: Codable, Sendable {
  /// The command's words, such as `cache pack`; also the verb of lineages.
  static var verb: String { get }

  /// Runs the operation to its end.
  /// - Throws: ``UserError``: everything that headers can tell is wrong, before any work; or what goes wrong
  ///   later. Outputs are whole or absent.
  func run(_ context: OperationContext) throws -> OperationResult
}

/// What an operation has to say when it is done.
package struct OperationResult: Sendable {
  /// `done`, or why a report is not good news: a comparison that failed, some inputs that failed.
  package var status = ExitStatus.done
  /// Data for standard output, a report for each input.
  package var reports: [any Report] = []
  /// How many inputs the reports are on; one is rendered alone, several as a list.
  package var inputCount = 1

  package init(reports: [any Report] = [], inputCount: Int = 1, status: ExitStatus = .done) {
    self.reports = reports
    self.inputCount = inputCount
    self.status = status
  }

  /// The reports as text; nil if there are none.
  package func rendered(as format: ReportFormat, width: Int?) -> String? {
    guard let first = reports.first else { return nil }
    return inputCount == 1
      ? first.rendered(as: format, width: width)
      : Reports.rendered(reports, as: format, width: width)
  }
}

/// An operation that writes a checkpoint.
package protocol OutputOperation: Operation {
  var output: OutputSettings { get }

  /// Reads headers and checks everything that they can tell.
  /// - Returns: what would be written, what is wrong with it, and the survey that has to be done before.
  func request(_ context: OperationContext) throws -> OutputRequest
}

extension OutputOperation {
  package func run(_ context: OperationContext) throws -> OperationResult {
    try OutputRun(request(context), verb: Self.verb, output, context).run()
  }

  /// The plan: a row for each tensor, the output's size, the peak of memory. Nothing is written.
  /// - Throws: what `run` would throw before its work.
  package func plan(_ context: OperationContext) throws -> PlanReport {
    try OutputRun(request(context), verb: Self.verb, output, context).plan()
  }
}
